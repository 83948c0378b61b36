/* Status, and the text that grows on the way up. Each function formats into a buffer of its own
 * before it touches the struct, so that a caller may pass err->text as an argument. File names and
 * URLs may hold any bytes: what is not UTF-8 becomes '?', so that every reader may rely on it. */
#include "base/err.h"

#include "base/utf8.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int exit_code;
} status_table[] = {
#define X(name, code, text) [GM_##name] = {#name, code},
    GM_STATUS_TABLE(X)
#undef X
};

static const struct errno_row {
    int sys_errno;
    enum gm_status status; /* what GM_IO becomes */
    const char *remedy;    /* what to do, if that is the same everywhere; NULL: nothing to say */
} errno_table[] = {
    {ENOSPC, GM_NOSPC, "make room there"},
    {EDQUOT, GM_NOSPC, "make room there, or have the quota raised"},
    {EMFILE, GM_IO, "raise `ulimit -n`"},
    {ENOENT, GM_MISSING, NULL},
    {EACCES, GM_PERMISSION, NULL},
    {EPERM, GM_PERMISSION, NULL},
    {ENOMEM, GM_NOMEM, NULL},
};

static void make_utf8(char *text)
{
    size_t n_bytes = strlen(text);
    size_t at = 0;
    for (;;) {
        at += gm_utf8_valid_prefix((const uint8_t *)text + at, n_bytes - at);
        if (at == n_bytes)
            return;
        text[at++] = '?';
    }
}

/* Ends text, whose buffer was too small, with "..." behind a whole code point. */
static void mark_cut(char *text)
{
    size_t at = GM_ERR_TEXT_BYTES - 4;
    while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80)
        at--;
    memcpy(text + at, "...", 4);
}

static void join(struct gm_err *err, const char *front, const char *back)
{
    char text[GM_ERR_TEXT_BYTES];
    int n = snprintf(text, sizeof text, "%s%s%s", front, *front && *back ? ": " : "", back);
    if (n >= (int)sizeof text)
        mark_cut(text);
    make_utf8(text);
    memcpy(err->text, text, strlen(text) + 1);
}

static void format_text(char text[GM_ERR_TEXT_BYTES], const char *format, va_list args)
{
    int n = vsnprintf(text, GM_ERR_TEXT_BYTES, format, args);
    if (n < 0)
        text[0] = '\0';
    if (n >= GM_ERR_TEXT_BYTES)
        mark_cut(text);
}

enum gm_status gm_err_set(struct gm_err *err, enum gm_status status, const char *format, ...)
{
    if (!err)
        return status;
    int saved_errno = errno;
    char text[GM_ERR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    format_text(text, format, args);
    va_end(args);
    join(err, text, "");
    err->status = status;
    err->sys_errno = 0;
    errno = saved_errno;
    return status;
}

static const struct errno_row *row_of_errno(int sys_errno)
{
    for (size_t i = 0; i < GM_ARRAY_LEN(errno_table); i++)
        if (errno_table[i].sys_errno == sys_errno)
            return &errno_table[i];
    return NULL;
}

enum gm_status gm_err_sys(struct gm_err *err, enum gm_status status, int sys_errno,
                          const char *format, ...)
{
    const struct errno_row *row = row_of_errno(sys_errno);
    if (status == GM_IO && row)
        status = row->status;
    if (!err)
        return status;
    int saved_errno = errno;
    char text[GM_ERR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    format_text(text, format, args);
    va_end(args);
    /* Not strerror: its text would follow the locale. */
    const char *reason = strerrordesc_np(sys_errno);
    char why[128];
    snprintf(why, sizeof why, row && row->remedy ? "%s (%s)" : "%s",
             reason ? reason : "unknown system error", row ? row->remedy : NULL);
    join(err, text, why);
    err->status = status;
    err->sys_errno = sys_errno;
    errno = saved_errno;
    return status;
}

enum gm_status gm_err_add(struct gm_err *err, const char *format, ...)
{
    if (!err)
        return GM_INTERNAL;
    int saved_errno = errno;
    char text[GM_ERR_TEXT_BYTES];
    va_list args;
    va_start(args, format);
    format_text(text, format, args);
    va_end(args);
    join(err, text, err->text);
    errno = saved_errno;
    return err->status;
}

void gm_err_clear(struct gm_err *err)
{
    if (!err)
        return;
    err->status = GM_OK;
    err->sys_errno = 0;
    err->text[0] = '\0';
}

const char *gm_status_name(enum gm_status status)
{
    GM_ASSERT((unsigned)status < GM_STATUS_COUNT);
    return status_table[status].name;
}

int gm_status_exit_code(enum gm_status status)
{
    GM_ASSERT((unsigned)status < GM_STATUS_COUNT);
    return status_table[status].exit_code;
}
