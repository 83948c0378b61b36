#!/bin/sh
# Expressions, pre-tokenizers and normalizers equal Hugging Face tokenizers 0.23.2. GM_PYTHON: a
# Python that has it.
# limit: 600
set -u
cd "$(dirname "$0")/../../.." || exit 1
PYTHONDONTWRITEBYTECODE=1 exec "${GM_PYTHON:-python3}" tests/conformance/tokenize/steps.py reference
