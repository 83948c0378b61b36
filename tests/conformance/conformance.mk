# The long form of the tokenizer's conformance tests: the same scripts as in `make check`, on everything
# that the fixtures hold. What they showed stands in docs/tokenizer.md.

CONFORMANCE := DOC_BYTES=120000000 TEXTS=20000 BYTES=4000000 GM_BUILD=$(BUILD)

.PHONY: conformance
## conformance: the tokenizer against its references on 110 MB of text, for every vocabulary (half an hour)
conformance: deps-ci fixtures
	@$(MAKE) --no-print-directory -j$$(nproc) all test-programs
	$(CONFORMANCE) sh tests/conformance/tokenize/vocabularies.sh
	$(CONFORMANCE) sh tests/conformance/tokenize/split.sh
	$(CONFORMANCE) sh tests/conformance/tokenize/files.sh
