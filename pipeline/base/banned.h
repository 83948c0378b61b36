/* Functions that no file of this project may call. Included by the Makefile through -include, so
 * that a use is a compile error with a name that says what to use instead. System headers are
 * included first, so that their own declarations stay legal. */
#ifndef GM_BASE_BANNED_H
#define GM_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#ifndef __cplusplus
#undef strcpy
#undef strcat
#undef sprintf
#undef vsprintf
#undef strtok
#undef atoi
#undef atol
#undef gets
#undef strncpy
#undef strncat
#undef alloca
#pragma GCC poison strcpy strcat sprintf vsprintf strtok atoi atol atof gets strncpy strncat alloca
#endif

#endif
