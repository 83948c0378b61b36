/* What libarchive and libc load on first use, loaded before the sandbox closes.
 *
 * libarchive converts names by the thread's locale (zip and pax state UTF-8, 7z stores UTF-16) and
 * times by mktime. So a thread locale with UTF-8 is made, an iconv descriptor is kept open so that
 * the conversion stays loaded, and the time zone is fixed: with TZ unset, libc would look at
 * /etc/localtime again at every call. No time ever gets into a record. */
#include "unpack/archive.h"

#include <iconv.h>
#include <locale.h>
#include <stdlib.h>
#include <time.h>

struct gm_archive_warmth {
    locale_t utf8;
    locale_t before; /* of the thread, while inside */
    iconv_t utf16;
};

enum gm_status gm_archive_warm_up(struct gm_archive_warmth **state, struct gm_err *err)
{
    struct gm_archive_warmth *warmth = calloc(1, sizeof(*warmth));
    *state = warmth;
    if (!warmth)
        return gm_err_set(err, GM_NOMEM, "no memory for a locale");
    warmth->utf16 = iconv_open("UTF-8", "UTF-16LE");
    warmth->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!warmth->utf8)
        return gm_err_set(err, GM_SYSTEM, "unable to make the locale C.UTF-8");
    setenv("TZ", "UTC0", 1);
    tzset();
    struct tm tm = {.tm_year = 80, .tm_mday = 1};
    (void)mktime(&tm);
    return GM_OK;
}

void gm_archive_cool(struct gm_archive_warmth *warmth)
{
    if (!warmth)
        return;
    if (warmth->utf8)
        freelocale(warmth->utf8);
    if (warmth->utf16 != (iconv_t)-1 && warmth->utf16)
        iconv_close(warmth->utf16);
    free(warmth);
}

void gm_archive_enter(struct gm_archive_warmth *warmth)
{
    warmth->before = uselocale(warmth->utf8);
}

void gm_archive_leave(struct gm_archive_warmth *warmth)
{
    uselocale(warmth->before);
}
