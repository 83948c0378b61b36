# Sets $python to a Python with Pillow; without one the test is skipped. Source it. No byte code is
# written beside the sources.
export PYTHONDONTWRITEBYTECODE=1
for python in python3 /usr/bin/python3 ""; do
    [ -z "$python" ] && echo "no Python with Pillow (package python3-pil)" && exit 77
    "$python" -c 'import PIL' 2>/dev/null && break
done
