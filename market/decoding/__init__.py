"""Read strangers' files in child processes with few rights, so that a harmful file cannot hurt the market.

`places` says who may have a file read just now. `children` holds the processes and ends those that exceed their bounds. `child`
is what runs in them. The callers say what is read, and how.
"""
