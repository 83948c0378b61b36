/* The schedule of hosts: caps, fairness, pauses, rates, retries, robots.txt. Time is a number here.
 */
#include "fetch/schedule.h"

#include "fetch/robots.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct gm_schedule *make(unsigned n_threads, unsigned per_host, double rate)
{
    struct gm_schedule_limits limits = {
        .n_threads = n_threads, .per_host = per_host, .rate = rate, .max_idle_hosts = 4};
    struct gm_schedule *schedule = gm_schedule_new(&limits);
    assert_non_null(schedule);
    return schedule;
}

static struct gm_job *add(struct gm_schedule *schedule, const char *url, uint64_t number)
{
    struct gm_item item = {.locator = url, .number = number, .expected_bytes = UINT64_MAX};
    struct gm_job *job = gm_job_new(&item);
    assert_true(gm_schedule_add(schedule, job));
    return job;
}

static void add_many(struct gm_schedule *schedule, const char *host, uint64_t first, unsigned n)
{
    char url[128];
    for (unsigned i = 0; i < n; i++) {
        snprintf(url, sizeof url, "http://%s/%u", host, i);
        add(schedule, url, first + i);
    }
}

static void done(struct gm_schedule *schedule, struct gm_job *job, unsigned thread, uint64_t now_ms)
{
    gm_schedule_release(schedule, job, thread, now_ms);
    gm_job_free(job);
}

static void a_host_gives_its_jobs_in_order_and_no_more_than_its_slots(void **state)
{
    (void)state;
    struct gm_schedule *schedule = make(1, 3, 0);
    struct gm_job *jobs[3];
    add_many(schedule, "a", 0, 5);
    for (unsigned i = 0; i < 3; i++) {
        jobs[i] = gm_schedule_take(schedule, 0, 0);
        assert_int_equal(jobs[i]->number, i);
    }
    assert_null(gm_schedule_take(schedule, 0, 0));
    assert_false(gm_schedule_is_ready(schedule, 0));
    done(schedule, jobs[1], 0, 0);
    assert_true(gm_schedule_is_ready(schedule, 0));
    jobs[1] = gm_schedule_take(schedule, 0, 0);
    assert_int_equal(jobs[1]->number, 3);
    assert_null(gm_schedule_take(schedule, 0, 0));
    for (unsigned i = 0; i < 3; i++)
        done(schedule, jobs[i], 0, 0);
    gm_schedule_free(schedule);
}

static void hosts_take_turns(void **state)
{
    (void)state;
    static const uint64_t order[] = {0, 10, 20, 1, 11, 21, 2, 12, 22};
    struct gm_schedule *schedule = make(1, 8, 0);
    add_many(schedule, "a", 0, 3);
    add_many(schedule, "b", 10, 3);
    add_many(schedule, "c", 20, 3);
    for (unsigned i = 0; i < 9; i++) {
        struct gm_job *job = gm_schedule_take(schedule, 0, 0);
        assert_int_equal(job->number, order[i]);
        gm_job_free(job);
    }
    gm_schedule_free(schedule);
}

static void the_slots_of_a_host_are_dealt_out_to_the_threads(void **state)
{
    (void)state;
    for (unsigned per_host = 1; per_host <= 7; per_host++) {
        struct gm_schedule *schedule = make(3, per_host, 0);
        unsigned n_taken = 0, least = 100, most = 0;
        add_many(schedule, "example.com", 0, 20);
        for (unsigned t = 0; t < 3; t++) {
            unsigned n = 0;
            struct gm_job *job;
            while ((job = gm_schedule_take(schedule, t, 0))) {
                gm_job_free(job);
                n++;
            }
            n_taken += n;
            least = n < least ? n : least;
            most = n > most ? n : most;
        }
        assert_int_equal(n_taken, per_host);
        assert_true(most - least <= 1);
        gm_schedule_free(schedule);
    }
}

/* The new one gets its share as the old one's requests end, and all together never more than the
 * host's slots. */
static void slots_are_dealt_out_anew_when_threads_are_added(void **state)
{
    (void)state;
    struct gm_schedule *schedule = make(1, 4, 0);
    struct gm_job *jobs[2][4] = {{0}};
    add_many(schedule, "example.com", 0, 20);
    for (unsigned i = 0; i < 4; i++)
        assert_non_null(jobs[0][i] = gm_schedule_take(schedule, 0, 0));
    gm_schedule_set_threads(schedule, 2);
    assert_false(gm_schedule_is_ready(schedule, 0));
    assert_false(gm_schedule_is_ready(schedule, 1));
    assert_null(gm_schedule_take(schedule, 1, 0));
    for (unsigned i = 0; i < 2; i++) {
        done(schedule, jobs[0][i], 0, 0);
        assert_null(gm_schedule_take(schedule, 0, 0));
        assert_true(gm_schedule_is_ready(schedule, 1));
        assert_non_null(jobs[1][i] = gm_schedule_take(schedule, 1, 0));
        assert_null(gm_schedule_take(schedule, 1, 0));
    }
    done(schedule, jobs[0][2], 0, 0);
    assert_false(gm_schedule_is_ready(schedule, 1));
    assert_non_null(jobs[0][2] = gm_schedule_take(schedule, 0, 0));
    assert_null(gm_schedule_take(schedule, 0, 0));
    done(schedule, jobs[0][2], 0, 0);
    done(schedule, jobs[0][3], 0, 0);
    done(schedule, jobs[1][0], 1, 0);
    done(schedule, jobs[1][1], 1, 0);
    gm_schedule_free(schedule);
}

static void a_pausing_host_does_not_hold_up_another(void **state)
{
    (void)state;
    struct gm_schedule *schedule = make(1, 2, 0);
    add_many(schedule, "slow", 0, 3);
    struct gm_job *job = gm_schedule_take(schedule, 0, 1000);
    job->pause_ms = 5000;
    job->due_ms = 6000;
    gm_schedule_release(schedule, job, 0, 1000);
    assert_true(gm_schedule_retry(schedule, job));
    assert_null(gm_schedule_take(schedule, 0, 1001));
    assert_int_equal(gm_schedule_next_ms(schedule), 6000);
    add_many(schedule, "fast", 10, 1);
    struct gm_job *other = gm_schedule_take(schedule, 0, 1002);
    assert_int_equal(other->number, 10);
    done(schedule, other, 0, 1003);
    assert_null(gm_schedule_take(schedule, 0, 5999));
    job = gm_schedule_take(schedule, 0, 6000);
    assert_int_equal(job->number, 0); /* the retried one goes first */
    done(schedule, job, 0, 6001);
    gm_schedule_free(schedule);
}

static void the_longer_of_two_pauses_counts(void **state)
{
    (void)state;
    struct gm_schedule *schedule = make(1, 4, 0);
    struct gm_job *jobs[2];
    add_many(schedule, "a", 0, 3);
    jobs[0] = gm_schedule_take(schedule, 0, 0);
    jobs[1] = gm_schedule_take(schedule, 0, 0);
    jobs[0]->pause_ms = 3000;
    jobs[1]->pause_ms = 1000;
    done(schedule, jobs[0], 0, 0);
    done(schedule, jobs[1], 0, 0);
    assert_null(gm_schedule_take(schedule, 0, 1500));
    assert_null(gm_schedule_take(schedule, 0, 2999));
    struct gm_job *job = gm_schedule_take(schedule, 0, 3000);
    assert_non_null(job);
    done(schedule, job, 0, 3000);
    gm_schedule_free(schedule);
}

static void a_rate_is_kept_whatever_the_slots_allow(void **state)
{
    (void)state;
    struct gm_schedule *schedule = make(2, 8, 10);
    unsigned n_started = 0;
    add_many(schedule, "a", 0, 200);
    for (uint64_t now_ms = 100000; now_ms < 105000; now_ms++) {
        for (unsigned t = 0; t < 2; t++) {
            struct gm_job *job;
            while ((job = gm_schedule_take(schedule, t, now_ms))) {
                n_started++;
                done(schedule, job, t, now_ms);
            }
        }
    }
    assert_in_range(n_started, 48, 52);
    gm_schedule_free(schedule);
}

static void high_rates_do_not_suffer_from_millisecond_timers(void **state)
{
    (void)state;
    struct gm_schedule *schedule = make(1, 8, 3000);
    unsigned n_started = 0;
    add_many(schedule, "a", 0, 4000);
    for (uint64_t now_ms = 1000; now_ms < 2000; now_ms += 7) {
        struct gm_job *job;
        while ((job = gm_schedule_take(schedule, 0, now_ms))) {
            n_started++;
            done(schedule, job, 0, now_ms);
        }
    }
    assert_in_range(n_started, 2900, 3400);
    gm_schedule_free(schedule);
}

static void retries_come_back_at_their_time_and_in_due_order(void **state)
{
    (void)state;
    struct gm_schedule *schedule = make(1, 100, 0);
    struct gm_job *jobs[50];
    add_many(schedule, "a", 0, 50);
    for (unsigned i = 0; i < 50; i++)
        jobs[i] = gm_schedule_take(schedule, 0, 0);
    for (unsigned i = 0; i < 50; i++) {
        jobs[i]->due_ms = 1000 + (i * 37) % 50;
        gm_schedule_release(schedule, jobs[i], 0, 0);
        assert_true(gm_schedule_retry(schedule, jobs[i]));
    }
    assert_int_equal(gm_schedule_n_waiting(schedule), 50);
    for (uint64_t now_ms = 1000; now_ms < 1050; now_ms++) {
        struct gm_job *job = gm_schedule_take(schedule, 0, now_ms);
        assert_int_equal(job->due_ms, now_ms);
        assert_null(gm_schedule_take(schedule, 0, now_ms));
        done(schedule, job, 0, now_ms);
    }
    assert_int_equal(gm_schedule_n_waiting(schedule), 0);
    assert_int_equal(gm_schedule_next_ms(schedule), UINT64_MAX);
    gm_schedule_free(schedule);
}

static void idle_hosts_are_forgotten_beyond_the_bound(void **state)
{
    (void)state;
    struct gm_schedule *schedule = make(1, 1, 0);
    char host[32];
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(host, sizeof host, "h%u", i);
        add_many(schedule, host, i, 1);
        struct gm_job *job = gm_schedule_take(schedule, 0, i);
        assert_int_equal(job->number, i);
        done(schedule, job, 0, i);
    }
    assert_in_range(gm_schedule_n_hosts(schedule), 1, 5);
    gm_schedule_free(schedule);
}

static void robots_txt_goes_first_once_a_host(void **state)
{
    (void)state;
    struct gm_schedule_limits limits = {
        .n_threads = 1, .per_host = 4, .robots = true, .max_idle_hosts = 4};
    struct gm_schedule *schedule = gm_schedule_new(&limits);
    static const char text[] = "User-agent: *\nDisallow: /1\n";
    add_many(schedule, "a:81", 0, 3);
    struct gm_job *robots = gm_schedule_take(schedule, 0, 0);
    assert_int_equal(robots->kind, GM_JOB_ROBOTS);
    assert_string_equal(robots->url, "http://a:81/robots.txt");
    assert_null(gm_schedule_take(schedule, 0, 0));
    robots->robots = gm_robots_parse((const uint8_t *)text, sizeof text - 1);
    gm_schedule_release(schedule, robots, 0, 0);
    gm_schedule_set_robots(schedule, robots);
    gm_job_free(robots);
    for (uint64_t i = 0; i < 3; i++) {
        struct gm_job *job = gm_schedule_take(schedule, 0, 0);
        assert_int_equal(job->number, i);
        assert_int_equal(gm_robots_allows(gm_host_robots(job->host), "/1", 2), false);
        done(schedule, job, 0, 0);
    }
    assert_null(gm_schedule_take(schedule, 0, 0));
    gm_schedule_free(schedule);
}

static void a_retried_robots_txt_still_goes_first(void **state)
{
    (void)state;
    struct gm_schedule_limits limits = {
        .n_threads = 1, .per_host = 4, .robots = true, .max_idle_hosts = 4};
    struct gm_schedule *schedule = gm_schedule_new(&limits);
    add_many(schedule, "a", 0, 2);
    struct gm_job *robots = gm_schedule_take(schedule, 0, 0);
    gm_schedule_release(schedule, robots, 0, 0);
    robots->due_ms = 500;
    assert_true(gm_schedule_retry(schedule, robots));
    assert_null(gm_schedule_take(schedule, 0, 499));
    assert_ptr_equal(gm_schedule_take(schedule, 0, 500), robots);
    gm_schedule_release(schedule, robots, 0, 500);
    gm_schedule_set_robots(schedule, robots);
    gm_job_free(robots);
    struct gm_job *job = gm_schedule_take(schedule, 0, 500);
    assert_int_equal(job->number, 0);
    done(schedule, job, 0, 500);
    gm_schedule_free(schedule);
}

static void a_redirected_job_counts_against_its_new_host(void **state)
{
    (void)state;
    struct gm_schedule *schedule = make(1, 1, 0);
    add_many(schedule, "a", 0, 2);
    struct gm_job *job = gm_schedule_take(schedule, 0, 0);
    gm_schedule_release(schedule, job, 0, 0);
    job->redirect_url = strdup("http://b/x");
    job->url = job->redirect_url;
    assert_true(gm_schedule_add(schedule, job));
    struct gm_job *first = gm_schedule_take(schedule, 0, 0);
    struct gm_job *second = gm_schedule_take(schedule, 0, 0);
    assert_non_null(first);
    assert_non_null(second);
    assert_ptr_not_equal(first->host, second->host);
    done(schedule, first, 0, 0);
    done(schedule, second, 0, 0);
    gm_schedule_free(schedule);
}

static void a_host_that_nobody_reaches_is_given_up_and_probed(void **state)
{
    (void)state;
    struct gm_schedule_limits limits = {
        .n_threads = 1, .per_host = 1, .give_up_after = 3, .max_idle_hosts = 4};
    struct gm_schedule *schedule = gm_schedule_new(&limits);
    add_many(schedule, "dead", 0, 10);
    add_many(schedule, "alive", 100, 1);
    struct gm_job *other = NULL;
    for (unsigned i = 0; i < 8; i++) {
        struct gm_job *job = gm_schedule_take(schedule, 0, 1000);
        if (job->number == 100) {
            other = job;
            job = gm_schedule_take(schedule, 0, 1000);
        }
        assert_int_equal(job->number, i);
        assert_int_equal(job->given_up, i >= 3);
        job->unreachable = i < 3;
        done(schedule, job, 0, 1000);
    }
    assert_non_null(other);
    assert_false(other->given_up);
    done(schedule, other, 0, 1000);
    struct gm_job *probe = gm_schedule_take(schedule, 0, 61000);
    assert_false(probe->given_up);
    done(schedule, probe, 0, 61000); /* it answered */
    probe = gm_schedule_take(schedule, 0, 61001);
    assert_false(probe->given_up);
    done(schedule, probe, 0, 61001);
    gm_schedule_free(schedule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_gives_its_jobs_in_order_and_no_more_than_its_slots),
        cmocka_unit_test(hosts_take_turns),
        cmocka_unit_test(the_slots_of_a_host_are_dealt_out_to_the_threads),
        cmocka_unit_test(slots_are_dealt_out_anew_when_threads_are_added),
        cmocka_unit_test(a_pausing_host_does_not_hold_up_another),
        cmocka_unit_test(the_longer_of_two_pauses_counts),
        cmocka_unit_test(a_rate_is_kept_whatever_the_slots_allow),
        cmocka_unit_test(high_rates_do_not_suffer_from_millisecond_timers),
        cmocka_unit_test(retries_come_back_at_their_time_and_in_due_order),
        cmocka_unit_test(idle_hosts_are_forgotten_beyond_the_bound),
        cmocka_unit_test(robots_txt_goes_first_once_a_host),
        cmocka_unit_test(a_retried_robots_txt_still_goes_first),
        cmocka_unit_test(a_redirected_job_counts_against_its_new_host),
        cmocka_unit_test(a_host_that_nobody_reaches_is_given_up_and_probed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
