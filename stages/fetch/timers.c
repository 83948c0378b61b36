/* A binary heap in an array. */
#include "fetch/timers.h"

#include <stdlib.h>

static void swap(struct gm_timer *a, struct gm_timer *b)
{
    struct gm_timer c = *a;
    *a = *b;
    *b = c;
}

bool gm_timers_push(struct gm_timers *timers, const struct gm_timer *timer)
{
    if (timers->n_timers == timers->capacity) {
        size_t capacity = timers->capacity ? 2 * timers->capacity : 64;
        struct gm_timer *heap = reallocarray(timers->heap, capacity, sizeof *heap);
        if (!heap)
            return false;
        timers->heap = heap;
        timers->capacity = capacity;
    }
    size_t i = timers->n_timers++;
    timers->heap[i] = *timer;
    while (i > 0 && timers->heap[(i - 1) / 2].due_ms > timers->heap[i].due_ms) {
        swap(&timers->heap[(i - 1) / 2], &timers->heap[i]);
        i = (i - 1) / 2;
    }
    return true;
}

bool gm_timers_pop(struct gm_timers *timers, uint64_t now_ms, struct gm_timer *timer)
{
    if (timers->n_timers == 0 || timers->heap[0].due_ms > now_ms)
        return false;
    *timer = timers->heap[0];
    timers->heap[0] = timers->heap[--timers->n_timers];
    size_t i = 0;
    for (;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < timers->n_timers; child++)
            if (timers->heap[child].due_ms < timers->heap[least].due_ms)
                least = child;
        if (least == i)
            return true;
        swap(&timers->heap[i], &timers->heap[least]);
        i = least;
    }
}

uint64_t gm_timers_next_ms(const struct gm_timers *timers)
{
    return timers->n_timers ? timers->heap[0].due_ms : UINT64_MAX;
}

void gm_timers_free(struct gm_timers *timers)
{
    free(timers->heap);
    *timers = (struct gm_timers){0};
}
