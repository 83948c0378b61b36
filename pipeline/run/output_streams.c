/* From the plan's sinks to the streams of the output folder. */
#include "run/output.h"

#include <string.h>

static struct gm_output_stream stream_of(const struct gm_plan_sink *from)
{
    const struct gm_sink *sink = from->sink;
    struct gm_output_stream stream = {.name = sink->name, .extension = ""};
    if (sink->mode(from->opts) == GM_STREAM_FILES) {
        stream.mode = GM_OUTPUT_FILES;
        return stream;
    }
    stream.mode = GM_OUTPUT_SHARDS;
    stream.extension = sink->extension(from->opts);
    stream.shard_bytes = sink->shard_bytes(from->opts);
    if (sink->trailer)
        stream.trailer = sink->trailer(from->opts, &stream.trailer_bytes);
    struct gm_shard_extras extras = {0};
    if (sink->extras)
        sink->extras(from->opts, &extras);
    GM_ASSERT(extras.head_bytes <= GM_HEAD_BYTES);
    stream.opts = from->opts;
    stream.sizes = from->sizes_stream;
    stream.unit_bytes = extras.unit_bytes;
    stream.sidecars = extras.sidecars;
    stream.head_bytes = extras.head_bytes;
    stream.head = extras.head;
    return stream;
}

static void add_sink(const struct gm_plan_sink *from,
                     struct gm_output_stream streams[GM_MAX_STREAMS], uint32_t *n_streams)
{
    if (from->stream == 0)
        return;
    GM_ASSERT(from->stream >= GM_STREAM_FIRST_SINK && from->stream < GM_MAX_STREAMS);
    streams[from->stream] = stream_of(from);
    uint32_t last = from->stream;
    if (from->sizes_stream > 0) {
        GM_ASSERT(from->sizes_stream > from->stream && from->sizes_stream < GM_MAX_STREAMS);
        last = from->sizes_stream;
        streams[last] = (struct gm_output_stream){
            .name = from->sink->name, .mode = GM_OUTPUT_SIZES, .extension = ".sizes"};
    }
    if (last >= *n_streams)
        *n_streams = last + 1;
}

uint32_t gm_output_streams(const struct gm_plan *plan,
                           struct gm_output_stream streams[GM_MAX_STREAMS])
{
    uint32_t n_streams = GM_STREAM_FIRST_SINK;
    memset(streams, 0, GM_MAX_STREAMS * sizeof *streams);
    streams[GM_STREAM_ITEMS] =
        (struct gm_output_stream){.name = "items", .mode = GM_OUTPUT_APPEND, .extension = ".jsonl"};
    streams[GM_STREAM_REJECTS] = (struct gm_output_stream){
        .name = "rejects", .mode = GM_OUTPUT_APPEND, .extension = ".jsonl"};
    for (uint32_t i = 0; i < plan->n_routes; i++)
        if (plan->routes[i].gate_stage >= 0)
            streams[GM_STREAM_KEYS] = (struct gm_output_stream){
                .name = "gate", .mode = GM_OUTPUT_APPEND, .extension = ".keys"};
    for (uint32_t i = 0; i < plan->n_sinks; i++)
        add_sink(&plan->sinks[i], streams, &n_streams);
    return n_streams;
}
