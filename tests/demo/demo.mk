.PHONY: demo
## demo: install what is missing, build, and run a job over the samples from a server on loopback
demo: deps
	$(call apt_install,nginx-light jq)
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@GRISTMILL=$(BUILD)/gristmill sh tests/demo/demo.sh
