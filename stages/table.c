/* Turns table.def into the arrays that the engine walks, and looks names up in them. */
#include "stage.h"
#include "sink.h"
#include "source.h"

#include <string.h>

#define STAGE(id)  extern const struct gm_stage id;
#define LISTER(id) extern const struct gm_lister id;
#define SINK(id)   extern const struct gm_sink id;
#include "table.def"
#undef STAGE
#undef LISTER
#undef SINK

#define LISTER(id)
#define SINK(id)
#define STAGE(id) &id,
const struct gm_stage *const gm_stages[] = {
#include "table.def"
    NULL};
#undef STAGE
#undef LISTER
#undef SINK

#define STAGE(id)
#define SINK(id)
#define LISTER(id) &id,
const struct gm_lister *const gm_listers[] = {
#include "table.def"
    NULL};
#undef STAGE
#undef LISTER
#undef SINK

#define STAGE(id)
#define LISTER(id)
#define SINK(id) &id,
const struct gm_sink *const gm_sinks[] = {
#include "table.def"
    NULL};

const struct gm_stage *gm_stage_find(const char *family, const char *name)
{
    for (size_t i = 0; gm_stages[i]; i++)
        if (strcmp(gm_stages[i]->family, family) == 0 && strcmp(gm_stages[i]->name, name) == 0)
            return gm_stages[i];
    return NULL;
}
