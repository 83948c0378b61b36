# What the machine needs. A missing package is installed, a present one costs nothing.

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

define apt_install
	@missing=$$(for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
		echo "installing:" $$missing; \
		$(SUDO) apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi
endef

.PHONY: deps deps-test deps-ci
## deps: install the libraries and tools that the build needs (Debian packages)
deps:
	$(call apt_install,$(PACKAGES))

## deps-test: the same for what the tests need
deps-test: deps
	$(call apt_install,$(TEST_PACKAGES))

deps-ci: deps-test
	$(call apt_install,$(CI_PACKAGES))
