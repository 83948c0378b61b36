/* One mutex guards who does what (turns.h); reading, looking and sorting happen outside of it. A
 * level belongs to the thread that has set its state to READING; then all may read it, and entries
 * [first, end) belong to whoever has claimed them, until they are `looked`. */
#include "fetch/ahead.h"

#include "base/assert.h"
#include "base/fs.h"
#include "fetch/turns.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#define PART_ENTRIES   32u
#define ENOUGH_ENTRIES 256u
#define ENOUGH_FOLDERS 8u
#define ENOUGH_ENTERED 2048u /* entries, over the whole walk */

struct gm_ahead {
    const struct gm_pattern *pattern;
    pthread_mutex_t mutex;
    pthread_cond_t work;  /* for threads: there is something to do, or they shall end */
    pthread_cond_t ready; /* for the walk: something has happened to `awaited` */
    const struct gm_level *awaited;
    struct gm_turns turns;
    size_t n_entered; /* entries of the folders that the walk was in */
    pthread_t threads[GM_AHEAD_THREADS];
    unsigned n_threads, max_threads;
    unsigned n_idle;   /* threads that wait */
    unsigned n_called; /* and those of them that were woken up */
    bool is_ending;
    atomic_bool stop;               /* the end is near: drop what you do */
    struct gm_level_reader *reader; /* of the walk */
};

static void *help(void *data);

/* ---- what there is to do (all under the mutex) ---- */

static bool is_enough(const struct gm_ahead *ahead)
{
    return ahead->n_threads > 0 || ahead->turns.n_looks >= ENOUGH_ENTRIES ||
           ahead->turns.n_folders >= ENOUGH_FOLDERS || ahead->n_entered >= ENOUGH_ENTERED;
}

static void start_thread(struct gm_ahead *ahead)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&ahead->threads[ahead->n_threads], NULL, help, ahead) == 0)
        ahead->n_threads++;
    else
        ahead->max_threads = ahead->n_threads; /* it goes on with those that there are */
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* Each thread that begins something calls the next, so the walk wakes and starts one at most. */
static void call_next(struct gm_ahead *ahead)
{
    if (ahead->max_threads == 0 || ahead->is_ending || !gm_turns_has_any(&ahead->turns))
        return;
    if (ahead->n_idle > ahead->n_called) {
        ahead->n_called++;
        pthread_cond_signal(&ahead->work);
    } else if (ahead->n_threads < ahead->max_threads && ahead->n_called == 0 && is_enough(ahead)) {
        start_thread(ahead);
    }
}

static void tell_walk(struct gm_ahead *ahead, const struct gm_level *level)
{
    if (ahead->awaited == level)
        pthread_cond_signal(&ahead->ready);
}

/* Its entries are the caller's again for a while. */
static void arrange(struct gm_ahead *ahead, struct gm_level *level)
{
    size_t n_before = level->n_entries;
    level->state = GM_LEVEL_READING;
    pthread_mutex_unlock(&ahead->mutex);
    gm_level_arrange(level);
    pthread_mutex_lock(&ahead->mutex);
    if (level->is_ahead)
        ahead->turns.n_names_ahead -= n_before - level->n_entries;
    level->n_claimed = level->n_looked = level->n_entries;
    gm_turns_offer_folders(&ahead->turns, level);
}

static void finish_part(struct gm_ahead *ahead, const struct gm_part *part)
{
    struct gm_level *level = part->level;
    level->entries[part->first].looked = true;
    level->n_looked += part->end - part->first;
    if (level->n_looked == level->n_entries) {
        gm_close(&level->dir_fd);
        if (level->state == GM_LEVEL_LOOKING)
            arrange(ahead, level);
    }
    tell_walk(ahead, level);
}

static void finish_folder(struct gm_ahead *ahead, struct gm_level *level)
{
    bool is_unsorted = level->is_unsorted;
    gm_turns_offer_looks(&ahead->turns, level);
    if (is_unsorted)
        level->state = GM_LEVEL_LOOKING;
    else
        gm_turns_offer_folders(&ahead->turns, level);
    tell_walk(ahead, level);
}

/* ---- the threads ---- */

/* The walk will read it itself, and fail itself if it has to. */
static void leave_to_walk(struct gm_ahead *ahead, struct gm_level *level)
{
    gm_level_clear(level);
    level->state = GM_LEVEL_LEFT;
    gm_turns_drop_folders(&ahead->turns, level);
    tell_walk(ahead, level);
}

static bool is_short_of_something(int problem)
{
    return problem == EMFILE || problem == ENFILE || problem == ENOMEM;
}

static void read_ahead(struct gm_ahead *ahead, struct gm_level *level,
                       struct gm_level_reader *reader)
{
    struct gm_err err = {0};
    ahead->turns.n_folders_ahead++;
    level->is_ahead = true;
    call_next(ahead);
    pthread_mutex_unlock(&ahead->mutex);
    enum gm_status status = gm_level_read(reader, NULL, level, &err);
    pthread_mutex_lock(&ahead->mutex);
    if (status != GM_OK || is_short_of_something(level->problem)) {
        leave_to_walk(ahead, level);
        return;
    }
    ahead->turns.n_names_ahead += level->n_entries;
    finish_folder(ahead, level);
}

static void look_into(struct gm_ahead *ahead, const struct gm_part *part,
                      const struct gm_level_reader *reader)
{
    call_next(ahead);
    pthread_mutex_unlock(&ahead->mutex);
    gm_level_look(reader, part->level, part->first, part->end);
    pthread_mutex_lock(&ahead->mutex);
    finish_part(ahead, part);
}

/* Does what comes first of that which nobody has begun. false: there is nothing. */
static bool do_next(struct gm_ahead *ahead, struct gm_level_reader *reader)
{
    struct gm_level *level = TAILQ_FIRST(&ahead->turns.looks);
    struct gm_part part;
    if (level && gm_turns_claim_part(&ahead->turns, level, &part))
        look_into(ahead, &part, reader);
    else if ((level = gm_turns_find_folder(&ahead->turns)))
        read_ahead(ahead, level, reader);
    return level != NULL;
}

static void wait_for_work(struct gm_ahead *ahead)
{
    ahead->n_idle++;
    while (ahead->n_called == 0 && !ahead->is_ending)
        pthread_cond_wait(&ahead->work, &ahead->mutex);
    ahead->n_called -= ahead->n_called > 0;
    ahead->n_idle--;
}

static struct gm_level_reader *new_reader(const struct gm_ahead *ahead)
{
    struct gm_level_reader *reader = malloc(sizeof *reader);
    if (reader) {
        reader->pattern = ahead->pattern;
        reader->stop = &ahead->stop;
    }
    return reader;
}

static void *help(void *data)
{
    struct gm_ahead *ahead = data;
    struct gm_level_reader *reader = new_reader(ahead);
    pthread_mutex_lock(&ahead->mutex);
    while (reader && !ahead->is_ending)
        if (!do_next(ahead, reader))
            wait_for_work(ahead);
    pthread_mutex_unlock(&ahead->mutex);
    free(reader);
    return NULL;
}

/* ---- the walk ---- */

struct gm_ahead *gm_ahead_new(const struct gm_pattern *pattern, unsigned n_threads)
{
    GM_ASSERT(n_threads <= GM_AHEAD_THREADS);
    struct gm_ahead *ahead = calloc(1, sizeof *ahead);
    if (!ahead)
        return NULL;
    ahead->pattern = pattern;
    ahead->reader = new_reader(ahead);
    if (!ahead->reader) {
        free(ahead);
        return NULL;
    }
    ahead->max_threads = n_threads;
    gm_turns_init(&ahead->turns, gm_pattern_start(pattern), n_threads > 0 ? PART_ENTRIES : 1);
    pthread_mutex_init(&ahead->mutex, NULL);
    pthread_cond_init(&ahead->work, NULL);
    pthread_cond_init(&ahead->ready, NULL);
    atomic_init(&ahead->stop, false);
    return ahead;
}

/* They end what they have begun, or drop it if `stop` is set. No other will start. */
static void end_threads(struct gm_ahead *ahead)
{
    pthread_mutex_lock(&ahead->mutex);
    ahead->is_ending = true;
    pthread_cond_broadcast(&ahead->work);
    pthread_mutex_unlock(&ahead->mutex);
    for (unsigned i = 0; i < ahead->n_threads; i++)
        pthread_join(ahead->threads[i], NULL);
    ahead->n_threads = 0;
}

/* Descriptors are short. What threads have open and nobody has begun to use is closed: the walk
 * goes on as one without threads. */
static void give_up_threads(struct gm_ahead *ahead)
{
    struct gm_level *each, *next;
    end_threads(ahead);
    ahead->max_threads = 0;
    for (each = TAILQ_FIRST(&ahead->turns.looks); each; each = next) {
        next = TAILQ_NEXT(each, look_link);
        if (!each->is_ahead)
            continue;
        ahead->turns.n_names_ahead -= each->n_entries;
        ahead->turns.n_folders -= gm_turns_count_folders(each);
        gm_turns_drop_looks(&ahead->turns, each);
        leave_to_walk(ahead, each);
    }
}

void gm_ahead_free(struct gm_ahead *ahead)
{
    if (!ahead)
        return;
    atomic_store(&ahead->stop, true);
    end_threads(ahead);
    gm_level_free(ahead->turns.root);
    pthread_cond_destroy(&ahead->ready);
    pthread_cond_destroy(&ahead->work);
    pthread_mutex_destroy(&ahead->mutex);
    free(ahead->reader);
    free(ahead);
}

/* Reads a folder that nobody else has begun. */
static enum gm_status read_here(struct gm_ahead *ahead, struct gm_level *level, const char *path,
                                struct gm_err *err)
{
    pthread_mutex_unlock(&ahead->mutex);
    enum gm_status status = gm_level_read(ahead->reader, path, level, err);
    if (ahead->turns.part_entries > 1 && status == GM_OK && is_short_of_something(level->problem)) {
        give_up_threads(ahead);
        gm_level_clear(level);
        status = gm_level_read(ahead->reader, path, level, err);
    }
    pthread_mutex_lock(&ahead->mutex);
    if (status == GM_OK)
        finish_folder(ahead, level);
    return status;
}

/* Somebody is busy with what the walk needs. It does something else meanwhile: to sleep and to be
 * woken up costs as much as a few looks. */
static void pass_time(struct gm_ahead *ahead, const struct gm_level *level)
{
    if (do_next(ahead, ahead->reader))
        return;
    ahead->awaited = level;
    pthread_cond_wait(&ahead->ready, &ahead->mutex);
    ahead->awaited = NULL;
}

/* Until its entries are in order. */
static void look_through(struct gm_ahead *ahead, struct gm_level *level)
{
    struct gm_part part;
    while (level->state != GM_LEVEL_READY)
        if (level->state == GM_LEVEL_LOOKING && gm_turns_claim_part(&ahead->turns, level, &part))
            look_into(ahead, &part, ahead->reader);
        else
            pass_time(ahead, level);
}

/* The level to enter, with the state READING if it is the walk's to read. NULL: no memory. */
static struct gm_level *reach(struct gm_ahead *ahead, struct gm_level *above, size_t place)
{
    struct gm_level *level = above ? above->entries[place].inside : NULL;
    if (!level)
        return gm_turns_claim_folder(&ahead->turns, above, place);
    while (level->state == GM_LEVEL_READING)
        pass_time(ahead, level);
    ahead->turns.n_folders_ahead -= level->is_ahead;
    ahead->turns.n_names_ahead -= level->is_ahead ? level->n_entries : 0;
    level->is_ahead = false;
    if (level->state == GM_LEVEL_LEFT)
        gm_turns_take_back(&ahead->turns, level);
    return level;
}

enum gm_status gm_ahead_enter(struct gm_ahead *ahead, struct gm_level *above, size_t place,
                              const char *path, struct gm_level **entered, struct gm_err *err)
{
    enum gm_status status = GM_OK;
    pthread_mutex_lock(&ahead->mutex);
    struct gm_level *level = reach(ahead, above, place);
    if (!level)
        status = gm_err_set(err, GM_NOMEM, "no memory to read a folder");
    else if (level->state == GM_LEVEL_READING)
        status = read_here(ahead, level, path, err);
    if (status == GM_OK) {
        look_through(ahead, level);
        ahead->n_entered += level->n_entries;
        if (level->has_looks) {
            TAILQ_REMOVE(&ahead->turns.looks, level, look_link);
            TAILQ_INSERT_HEAD(&ahead->turns.looks, level, look_link);
        }
        call_next(ahead);
        *entered = level;
    }
    pthread_mutex_unlock(&ahead->mutex);
    return status;
}

void gm_ahead_look(struct gm_ahead *ahead, struct gm_level *level, size_t place)
{
    struct gm_part part;
    size_t first = place - place % ahead->turns.part_entries;
    if (place < level->n_seen)
        return;
    pthread_mutex_lock(&ahead->mutex);
    level->n_seen = first + ahead->turns.part_entries;
    while (level->n_claimed <= first &&
           gm_turns_claim_part(&ahead->turns, level, &part)) /* folders come first */
        look_into(ahead, &part, ahead->reader);
    while (level->n_looked < level->n_entries && !level->entries[first].looked)
        pass_time(ahead, level);
    if (level->n_looked == level->n_entries)
        level->n_seen = level->n_entries;
    pthread_mutex_unlock(&ahead->mutex);
}

void gm_ahead_leave(struct gm_ahead *ahead, struct gm_level *level)
{
    pthread_mutex_lock(&ahead->mutex);
    gm_turns_drop_looks(&ahead->turns,
                        level); /* folders at its end may be left, which nobody has to look at */
    while (level->n_looked < level->n_claimed)
        pass_time(ahead, level);
    if (level->above)
        level->above->entries[level->place].inside = NULL;
    else
        ahead->turns.root = NULL;
    pthread_mutex_unlock(&ahead->mutex);
    gm_level_free(level);
}
