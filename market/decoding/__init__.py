"""Files of strangers are read in child processes of few rights, so that one which is made to do harm costs the market nothing.

`places` says who may have a file read just now, `children` holds the processes and ends those that exceed their bounds, `child` is
what runs in them. What is read, and how, the callers say.
"""
