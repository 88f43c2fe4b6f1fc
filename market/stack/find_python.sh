# Sets $python to the first Python 3.11 or newer; $PYTHON goes before all. Sourced by ./run and ./test.
python=
for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "Python 3.11 or newer is needed and none was found. Set PYTHON to one: PYTHON=/path/to/python3 $0" >&2
    exit 1
fi
