# The models of the protocols in shared memory.

.PHONY: verify-models
## verify-models: check the ring's wake-up and the crash protocol with spin, and their controls
verify-models: deps-ci
	@sh tests/models/verify.sh
