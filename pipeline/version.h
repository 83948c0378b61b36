/* The program's version, in one place: the binary, the user agent, the manifest, the man page. */
#ifndef GM_VERSION_H
#define GM_VERSION_H

#define GM_VERSION "0.1.0"

#endif
