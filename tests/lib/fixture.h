/* Where `make fixtures` puts what tests compare against. */
#ifndef GM_TEST_FIXTURE_H
#define GM_TEST_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

/* Path of a fixture below $GM_FIXTURES ($HOME/.cache/gristmill/fixtures), of all of them for "";
 * true if it is there. */
bool fixture_path(const char *name, char *path, size_t n_bytes);

#endif
