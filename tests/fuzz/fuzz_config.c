/* Fuzz target: a job file of any bytes must end in a plan or in mistakes, never in a crash, and
 * the mistakes must be printable text. A part behind the first NUL byte is used as a --set. */
#include "run/plan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

/* libfyaml 0.7.12 loses one small buffer after some mistakes of syntax; the program ends then. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfyaml";
}

static void check_mistakes(const struct gm_mistakes *mistakes)
{
    GM_ASSERT(mistakes->n_mistakes > 0 && mistakes->text.n_bytes > 0);
    GM_ASSERT(!memchr(mistakes->text.data, '\0', mistakes->text.n_bytes));
    GM_ASSERT(!memchr(mistakes->text.data, '\033', mistakes->text.n_bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    const uint8_t *end = n_bytes ? memchr(data, '\0', n_bytes) : NULL;
    char *text = end ? strndup((const char *)end + 1, n_bytes - (size_t)(end - data) - 1) : NULL;
    struct gm_setting setting = {text};
    struct gm_plan *plan;
    struct gm_mistakes mistakes;
    struct gm_err err = {0};
    enum gm_status status =
        gm_plan_parse((const char *)data, end ? (size_t)(end - data) : n_bytes, "fuzz.yaml",
                      &setting, text ? 1 : 0, &plan, &mistakes, &err);
    GM_ASSERT((status == GM_OK) == (plan != NULL));
    if (plan) {
        struct gm_buf description = GM_BUF_INIT;
        gm_plan_describe(plan, &description);
        gm_buf_free(&description);
    } else {
        check_mistakes(&mistakes);
    }
    gm_buf_free(&mistakes.text);
    gm_plan_free(plan);
    free(text);
    return 0;
}
