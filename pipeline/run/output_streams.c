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
    return stream;
}

uint32_t gm_output_streams(const struct gm_plan *plan,
                           struct gm_output_stream streams[GM_MAX_STREAMS])
{
    uint32_t n_streams = GM_STREAM_FIRST_SINK;
    memset(streams, 0, GM_MAX_STREAMS * sizeof *streams);
    streams[GM_STREAM_ITEMS] =
        (struct gm_output_stream){"items", GM_OUTPUT_APPEND, ".jsonl", 0, NULL, 0};
    streams[GM_STREAM_REJECTS] =
        (struct gm_output_stream){"rejects", GM_OUTPUT_APPEND, ".jsonl", 0, NULL, 0};
    for (uint32_t i = 0; i < plan->n_routes; i++)
        if (plan->routes[i].gate_stage >= 0)
            streams[GM_STREAM_KEYS] =
                (struct gm_output_stream){"gate", GM_OUTPUT_APPEND, ".keys", 0, NULL, 0};
    for (uint32_t i = 0; i < plan->n_sinks; i++) {
        uint32_t number = plan->sinks[i].stream;
        GM_ASSERT(number >= GM_STREAM_FIRST_SINK && number < GM_MAX_STREAMS);
        streams[number] = stream_of(&plan->sinks[i]);
        if (number >= n_streams)
            n_streams = number + 1;
    }
    return n_streams;
}
