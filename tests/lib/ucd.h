/* Reads the test files of the Unicode Character Database (Debian package unicode-data). */
#ifndef GM_TEST_UCD_H
#define GM_TEST_UCD_H

#include <stdint.h>
#include <stdio.h>

#define UCD_LINE_BYTES      8192
#define UCD_MAX_CODE_POINTS 256

/* Opens a file below /usr/share/unicode (a name ending in .bz2 is decompressed). If it is not
 * there: says so on standard output and exits with 77, which the test runner counts as skipped. */
FILE *ucd_open(const char *name);
void ucd_close(FILE *file, const char *name);

/* Reads hexadecimal code points separated by spaces up to `end` or the end of the line and appends
 * them as UTF-8 to text (at least UCD_LINE_BYTES). Returns the number of bytes. */
size_t ucd_encode(const char *from, const char *end, uint8_t *text);

#endif
