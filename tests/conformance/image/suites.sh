#!/bin/sh
# Gray planes over the test suites of other programs (make fixtures), against digests in the tree.
# limit: 600
set -u
cd "$(dirname "$0")/../../.." || exit 1
images=${GM_FIXTURES:-$HOME/.cache/gristmill/fixtures}/images
[ -d "$images/pillow-source" ] || {
    echo "no test suites in $images: make fixtures"
    exit 77
}
PYTHONDONTWRITEBYTECODE=1 python3 tests/conformance/image/suites.py "$GM_BUILD/tests/lib/tool_gray" "$images"
