/* Realms and the quiesce: who holds it, who has wiped, what the count is meanwhile and afterwards. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"

enum { MAX_REALMS = 256, FOR_EVER = -1 };

static int join(void)
{
	int realm = vmfork_join();

	check(realm >= 0);
	return realm;
}

/* A realm on a thread of its own, which ends when told to */
struct worker {
	pthread_t thread;
	sem_t joined, end;
	int realm;
	long id;
};

static void *run_worker(void *argument)
{
	struct worker *worker = argument;

	worker->id = syscall(SYS_gettid);
	worker->realm = vmfork_join();
	sem_post(&worker->joined);
	sem_wait(&worker->end);
	return NULL;
}

static void start_worker(struct worker *worker)
{
	check(!sem_init(&worker->joined, 0, 0) && !sem_init(&worker->end, 0, 0));
	check(!pthread_create(&worker->thread, NULL, run_worker, worker));
	check(!sem_wait(&worker->joined));
	check(worker->realm >= 0);
}

/* Without a leave, like a Worker that is terminated. The kernel knows the thread a little longer than pthread_join. */
static void end_worker(struct worker *worker)
{
	sem_post(&worker->end);
	check(!pthread_join(worker->thread, NULL));
	while (!syscall(SYS_tgkill, getpid(), worker->id, 0))
		usleep(1000);
}

static void check_quiesced(bool quiesced)
{
	check_equal(!!(vmfork_status() & QUIESCED), quiesced);
	check_equal(!vmfork_generation(), quiesced);
	check_equal(!vmfork_look(), quiesced);
}

static void while_quiesced_there_is_no_count(void)
{
	int realm = join();

	check_equal(vmfork_generation(), 1);
	check_equal(vmfork_quiesce(realm), 0);
	check_quiesced(true);
	check_equal(vmfork_status(), QUIESCED);
	check_equal(vmfork_resume(realm), 0);
	check_quiesced(false);
	check_equal(vmfork_generation(), 2);
	check_equal(vmfork_changed_by(1, 2), SEEN_RESUME);
}

static void quiescing_twice_is_quiescing_once(void)
{
	int realm = join();

	check_equal(vmfork_quiesce(realm), 0);
	check_equal(vmfork_wiped(realm), 0);
	check_equal(vmfork_quiesce(realm), 0);
	check_equal(vmfork_unwiped(), 0);
	check_equal(vmfork_resume(realm), 0);
	check_quiesced(false);
	check_equal(vmfork_resume(realm), 0);
	check_equal(vmfork_generation(), 2);
}

static void the_last_one_to_resume_ends_it(void)
{
	int realms[] = { join(), join(), join() };

	check_equal(vmfork_quiesce(realms[0]), 0);
	check_equal(vmfork_quiesce(realms[1]), 0);
	check_equal(vmfork_resume(realms[2]), 0);
	check_quiesced(true);
	check_equal(vmfork_resume(realms[0]), 0);
	check_quiesced(true);
	check_equal(vmfork_resume(realms[1]), 0);
	check_quiesced(false);
	check_equal(vmfork_generation(), 2);
}

static void resuming_without_a_quiesce_changes_nothing(void)
{
	check_equal(vmfork_resume(join()), 0);
	check_equal(vmfork_generation(), 1);
	check_equal(vmfork_changed_by(1, 1), 0);
}

/* So that who looks seldom can tell them apart */
static void each_quiesce_has_a_number(void)
{
	int realms[] = { join(), join() };

	check_equal(vmfork_quiesced(), 0);
	for (uint32_t number = 1; number < 4; number++) {
		check_equal(vmfork_quiesce(realms[0]), 0);
		check_equal(vmfork_quiesced(), number);
		check_equal(vmfork_quiesce(realms[1]), 0);
		check_equal(vmfork_quiesce(realms[0]), 0);
		check_equal(vmfork_resume(realms[0]), 0);
		check_equal(vmfork_quiesced(), number);
		check_equal(vmfork_resume(realms[1]), 0);
		check_equal(vmfork_quiesced(), 0);
	}
}

static void the_number_skips_0(void)
{
	int realm = join();

	test_set_last_quiesce(UINT32_MAX - 1);
	check_equal(vmfork_quiesce(realm), 0);
	check_equal(vmfork_quiesced(), UINT32_MAX);
	check_equal(vmfork_resume(realm), 0);
	check_equal(vmfork_quiesce(realm), 0);
	check_equal(vmfork_quiesced(), 1);
}

static void each_realm_is_asked_to_wipe_anew_each_time(void)
{
	int realms[] = { join(), join(), join() };

	check_equal(vmfork_unwiped(), 0);
	for (int round = 0; round < 3; round++) {
		/* Not for this time: nobody has asked yet. */
		check_equal(vmfork_wiped(realms[0]), 0);
		check_equal(vmfork_quiesce(realms[round]), 0);
		check_equal(vmfork_unwiped(), 3);
		check_equal(vmfork_wiped(realms[1]), 0);
		check_equal(vmfork_wiped(realms[1]), 0);
		check_equal(vmfork_unwiped(), 2);
		check_equal(vmfork_wiped(realms[0]), 0);
		check_equal(vmfork_wiped(realms[2]), 0);
		check_equal(vmfork_unwiped(), 0);
		check_equal(vmfork_resume(realms[round]), 0);
		check_equal(vmfork_unwiped(), 0);
	}
}

/* A second holder finds wiped what was wiped for the first. */
static void a_second_holder_asks_nobody_again(void)
{
	int realms[] = { join(), join() };

	check_equal(vmfork_quiesce(realms[0]), 0);
	check_equal(vmfork_wiped(realms[1]), 0);
	check_equal(vmfork_quiesce(realms[1]), 0);
	check_equal(vmfork_unwiped(), 1);
}

/* It may bring secrets along, from before. */
static void a_realm_that_joins_later_is_asked_too(void)
{
	int realm = join(), late;

	check_equal(vmfork_quiesce(realm), 0);
	check_equal(vmfork_wiped(realm), 0);
	late = join();
	check_equal(vmfork_unwiped(), 1);
	check_equal(vmfork_wiped(late), 0);
	check_equal(vmfork_unwiped(), 0);
	/* Also in the place of one that had wiped. */
	check_equal(vmfork_leave(late), 0);
	late = join();
	check_equal(vmfork_unwiped(), 1);
	check_quiesced(true);
}

static void leaving_lets_go(void)
{
	int realms[] = { join(), join() };

	check_equal(vmfork_quiesce(realms[0]), 0);
	check_equal(vmfork_leave(realms[1]), 0);
	check_quiesced(true);
	check_equal(vmfork_unwiped(), 1);
	check_equal(vmfork_leave(realms[0]), 0);
	check_quiesced(false);
	check_equal(vmfork_generation(), 2);
	check_equal(vmfork_changed_by(1, 2), SEEN_RESUME);
	/* Whoever takes the place holds nothing. */
	check_equal(join() % MAX_REALMS, realms[0] % MAX_REALMS);
	check_quiesced(false);
}

static void check_no_realm(int handle)
{
	check_equal(vmfork_leave(handle), -EBADF);
	check_equal(vmfork_quiesce(handle), -EBADF);
	check_equal(vmfork_resume(handle), -EBADF);
	check_equal(vmfork_wiped(handle), -EBADF);
}

static void a_late_leave_frees_no_other_realm(void)
{
	int first = join(), second;

	check_equal(vmfork_leave(first), 0);
	check_no_realm(first);
	second = join();
	check(second != first && second % MAX_REALMS == first % MAX_REALMS);
	check_no_realm(first);
	check_equal(vmfork_quiesce(second), 0);
	check_no_realm(first);
	check_quiesced(true);
	check_equal(vmfork_unwiped(), 1);
	check_equal(vmfork_resume(second), 0);
}

static void invented_handles_are_refused(void)
{
	static const int handles[] = { -1, INT32_MIN, INT32_MAX, 0, 1, 255, 256, 257, 512, -256 };

	for (int i = 0; i < 10; i++)
		check_no_realm(handles[i]);
	check_equal(join(), 256);
	for (int i = 0; i < 10; i++)
		if (handles[i] != 256)
			check_no_realm(handles[i]);
	check_quiesced(false);
}

static void sequences_wrap_within_positive_handles(void)
{
	int last, first;

	test_set_realm_sequences((1 << 23) - 2);
	last = join();
	check_equal(last, INT32_MAX - 255);
	check_equal(vmfork_leave(last), 0);
	first = join();
	check_equal(first, 0);
	check_no_realm(last);
	check_equal(vmfork_leave(first), 0);
}

static void there_is_room_for_256(void)
{
	int realms[MAX_REALMS];

	for (int i = 0; i < MAX_REALMS; i++) {
		realms[i] = join();
		check_equal(realms[i] % MAX_REALMS, i);
	}
	check_equal(vmfork_join(), -EMFILE);
	check_equal(vmfork_quiesce(realms[255]), 0);
	check_equal(vmfork_unwiped(), MAX_REALMS + 1);
	check_equal(vmfork_leave(realms[100]), 0);
	check_equal(join() % MAX_REALMS, 100);
	check_equal(vmfork_join(), -EMFILE);
}

/* It may have secrets, and cannot say that it has wiped them. */
static void a_realm_without_a_place_has_not_wiped(void)
{
	int realms[MAX_REALMS];

	for (int i = 0; i < MAX_REALMS; i++)
		realms[i] = join();
	check_equal(vmfork_quiesce(realms[0]), 0);
	for (int i = 0; i < MAX_REALMS; i++)
		check_equal(vmfork_wiped(realms[i]), 0);
	check_equal(vmfork_unwiped(), 0);
	check_equal(vmfork_join(), -EMFILE);
	check_equal(vmfork_unwiped(), 1);
	check_equal(vmfork_join(), -EMFILE);
	check_equal(vmfork_unwiped(), 1);
	check_equal(vmfork_resume(realms[0]), 0);
	check_equal(vmfork_unwiped(), 0);
	/* Nor does anybody learn of its end, so that it counts from then on, whoever else leaves or finds a place. */
	for (int i = 1; i < MAX_REALMS; i++)
		check_equal(vmfork_leave(realms[i]), 0);
	check_equal(vmfork_wiped(join()), 0);
	check_equal(vmfork_quiesce(realms[0]), 0);
	check_equal(vmfork_unwiped(), 3);
}

static void ended_threads_make_room(void)
{
	struct worker worker;
	int place;

	for (int i = 0; i < MAX_REALMS - 1; i++)
		join();
	start_worker(&worker);
	place = worker.realm % MAX_REALMS;
	check_equal(vmfork_join(), -EMFILE);
	end_worker(&worker);
	check_equal(join() % MAX_REALMS, place);
	check_equal(vmfork_join(), -EMFILE);
	check_no_realm(worker.realm);
}

static void an_ended_thread_need_not_wipe(void)
{
	struct worker worker;
	int realm = join();

	start_worker(&worker);
	check_equal(vmfork_quiesce(realm), 0);
	check_equal(vmfork_unwiped(), 2);
	end_worker(&worker);
	check_equal(vmfork_unwiped(), 1);
	check_equal(vmfork_wiped(realm), 0);
	check_equal(vmfork_unwiped(), 0);
	check_quiesced(true);
}

/* By the status, for which every realm asks now and then */
static void an_ended_thread_holds_no_more(void)
{
	struct worker worker;

	join();
	start_worker(&worker);
	check_equal(vmfork_quiesce(worker.realm), 0);
	check_quiesced(true);
	end_worker(&worker);
	check_equal(vmfork_generation(), 0);
	check_equal(vmfork_status(), 0);
	check_equal(vmfork_generation(), 2);
	check_equal(vmfork_changed_by(1, 2), SEEN_RESUME);
}

static void an_ended_holder_is_noticed_by_the_number(void)
{
	struct worker worker;
	int realm = join();

	start_worker(&worker);
	check_equal(vmfork_quiesce(worker.realm), 0);
	check_equal(vmfork_quiesced(), 1);
	end_worker(&worker);
	check_equal(vmfork_quiesced(), 0);
	check_quiesced(false);
	check_equal(vmfork_generation(), 2);
	check_equal(vmfork_quiesce(realm), 0);
	check_equal(vmfork_quiesced(), 2);
}

static void an_ended_holder_is_noticed_by_a_count_of_the_unwiped(void)
{
	struct worker worker;

	join();
	start_worker(&worker);
	check_equal(vmfork_quiesce(worker.realm), 0);
	end_worker(&worker);
	check_equal(vmfork_unwiped(), 0);
	check_equal(vmfork_generation(), 2);
}

static void a_quiesce_after_an_ended_holder_is_a_new_one(void)
{
	struct worker worker;
	int realm = join();

	start_worker(&worker);
	check_equal(vmfork_quiesce(worker.realm), 0);
	check_equal(vmfork_wiped(realm), 0);
	end_worker(&worker);
	check_equal(vmfork_quiesce(realm), 0);
	check_equal(vmfork_unwiped(), 1);
	check_equal(vmfork_resume(realm), 0);
	check_equal(vmfork_generation(), 3);
}

/* Only ESRCH says that it has ended. */
static void a_thread_that_cannot_be_asked_for_lives(void)
{
	int realm = join();

	fail_call(CALL_TGKILL, 1, 1000, EPERM);
	check_equal(vmfork_quiesce(realm), 0);
	check_equal(vmfork_unwiped(), 1);
	fail_call(CALL_TGKILL, 1, 1, ESRCH);
	check_equal(vmfork_unwiped(), 0);
	check_no_realm(realm);
	check_quiesced(false);
}

#define COPIES_PATH "/proc/self/ns"

static int hold_as_another_copy(void)
{
	struct flock shared = { .l_type = F_RDLCK };
	int fd = open_root(COPIES_PATH, O_RDONLY | O_CREAT);

	check(!fcntl(fd, F_OFD_SETLK, &shared));
	return fd;
}

static void check_unwiped_of_a_wiped_realm(int unwiped)
{
	int realm = join();

	check_equal(vmfork_quiesce(realm), 0);
	check_equal(vmfork_wiped(realm), 0);
	check_equal(vmfork_unwiped(), unwiped);
}

/* It has a flag of its own, so that its realms draw on. */
static void another_copy_of_the_shim_has_not_wiped(void)
{
	int fd = hold_as_another_copy();

	check_unwiped_of_a_wiped_realm(1);
	close(fd);
	check_equal(vmfork_unwiped(), 0);
	fd = hold_as_another_copy();
	check_equal(vmfork_unwiped(), 1);
}

static void check_seen_by_another_copy(int fd, bool seen)
{
	struct flock alone = { .l_type = F_WRLCK };

	check(!fcntl(fd, F_OFD_GETLK, &alone));
	check_equal(alone.l_type, seen ? F_RDLCK : F_UNLCK);
}

/* As long as it has realms: one that nobody uses any more has nothing to wipe. */
static void other_copies_see_this_one(void)
{
	int fd = open_root(COPIES_PATH, O_RDONLY | O_CREAT), before = count_descriptors(), realms[2];

	realms[0] = join();
	check_equal(fake.opened_flags, O_RDONLY | O_CLOEXEC);
	realms[1] = join();
	check_seen_by_another_copy(fd, true);
	check_equal(count_descriptors(), before + 1);
	check_equal(vmfork_leave(realms[0]), 0);
	check_seen_by_another_copy(fd, true);
	check_equal(vmfork_leave(realms[1]), 0);
	check_seen_by_another_copy(fd, false);
	check_equal(count_descriptors(), before);
	join();
	check_seen_by_another_copy(fd, true);
}

/* An old kernel, or no /proc */
static void where_copies_cannot_be_told_there_are_none(void)
{
	int before;

	hold_as_another_copy();
	before = count_descriptors();
	fail_call(CALL_FCNTL, 1, 1000, EINVAL);
	check_unwiped_of_a_wiped_realm(0);
	check_equal(count_descriptors(), before);
	fail_path(CALL_OPENAT, COPIES_PATH, ENOENT);
	join();
	check_equal(vmfork_unwiped(), 1);
}

/* Whose number a new thread may have, which then would pass for it */
static void who_joins_has_the_ended_ones_forgotten(void)
{
	struct worker worker;
	int realm;

	start_worker(&worker);
	end_worker(&worker);
	realm = join();
	fail_call(CALL_TGKILL, 1, 1000, EPERM);
	check_equal(vmfork_quiesce(realm), 0);
	check_equal(vmfork_wiped(realm), 0);
	check_equal(vmfork_unwiped(), 0);
}

/* Nobody is asked for where nobody has joined. */
static void without_realms_there_is_nothing_to_count(void)
{
	check_equal(vmfork_unwiped(), 0);
	check_equal(vmfork_status(), 0);
	check_equal(fake.made[CALL_TGKILL], 0);
}

static void a_fork_while_quiesced_is_seen_after_it(void)
{
	int realm = join();

	map_id();
	check_equal(vmfork_generation(), 2);
	check_equal(vmfork_quiesce(realm), 0);
	write_memory(ID_ADDRESS, "x", 1);
	check_quiesced(true);
	check_equal(vmfork_changed_by(1, 2), SEEN_VMGENID);
	check_equal(vmfork_resume(realm), 0);
	check_equal(vmfork_generation(), 4);
	check_equal(vmfork_changed_by(3, 4), SEEN_VMGENID);
}

static void the_id_and_randomness_are_there_while_quiesced(void)
{
	uint8_t id[16], seed[104];
	int realm = join();

	map_id();
	check_equal(vmfork_quiesce(realm), 0);
	check_equal(vmfork_unique_id(id), 16);
	check_equal(vmfork_seed(seed), 104);
	check_equal(vmfork_status(), SEALED | MAPPED | QUIESCED | BY_IOMEM << 8);
}

static void a_quiesce_ends_waits(void)
{
	int realm = join();

	check_equal(vmfork_quiesce(realm), 0);
	check_equal(vmfork_wait(vmfork_wait_open(), 1, 1, FOR_EVER), 1);
	check_equal(vmfork_resume(realm), 0);
	check_equal(vmfork_wait(vmfork_wait_open(), 1, 1, FOR_EVER), 1);
	check_equal(vmfork_wait(vmfork_wait_open(), 2, 1, 5), 0);
}

static void the_count_skips_0_at_a_resume(void)
{
	int realm = join();

	test_set_count(INT32_MAX);
	check_equal(vmfork_quiesce(realm), 0);
	check_equal(vmfork_resume(realm), 0);
	check_equal(vmfork_generation(), 1);
	check_equal(vmfork_changed_by(INT32_MAX, 1), SEEN_RESUME);
}

static void a_held_lock_makes_others_give_up(void)
{
	int realm = join(), pauses;

	check_equal(vmfork_quiesce(realm), 0);
	test_hold_realms(true);
	check_equal(vmfork_join(), -EBUSY);
	check_equal(vmfork_leave(realm), -EBUSY);
	check_equal(vmfork_quiesce(realm), -EBUSY);
	check_equal(vmfork_resume(realm), -EBUSY);
	check_equal(vmfork_wiped(realm), -EBUSY);
	check_equal(vmfork_unwiped(), -EBUSY);
	pauses = fake.made[CALL_PPOLL];
	/* These never wait. */
	check_quiesced(true);
	check_equal(vmfork_quiesced(), 1);
	check_equal(fake.made[CALL_PPOLL], pauses);
	test_hold_realms(false);
	check_equal(vmfork_resume(realm), 0);
	check_quiesced(false);
}

static void it_has_nothing_to_do_with_sealing(void)
{
	check_equal(vmfork_seal(), 0);
	check_equal(vmfork_quiesce(join()), 0);
	check_equal(vmfork_status(), SEALED | QUIESCED);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(while_quiesced_there_is_no_count),
		TEST(quiescing_twice_is_quiescing_once),
		TEST(the_last_one_to_resume_ends_it),
		TEST(resuming_without_a_quiesce_changes_nothing),
		TEST(each_quiesce_has_a_number),
		TEST(the_number_skips_0),
		TEST(each_realm_is_asked_to_wipe_anew_each_time),
		TEST(a_second_holder_asks_nobody_again),
		TEST(a_realm_that_joins_later_is_asked_too),
		TEST(leaving_lets_go),
		TEST(a_late_leave_frees_no_other_realm),
		TEST(invented_handles_are_refused),
		TEST(sequences_wrap_within_positive_handles),
		TEST(there_is_room_for_256),
		TEST(a_realm_without_a_place_has_not_wiped),
		TEST(ended_threads_make_room),
		TEST(an_ended_thread_need_not_wipe),
		TEST(an_ended_thread_holds_no_more),
		TEST(an_ended_holder_is_noticed_by_the_number),
		TEST(an_ended_holder_is_noticed_by_a_count_of_the_unwiped),
		TEST(a_quiesce_after_an_ended_holder_is_a_new_one),
		TEST(a_thread_that_cannot_be_asked_for_lives),
		TEST(another_copy_of_the_shim_has_not_wiped),
	TEST(other_copies_see_this_one),
	TEST(where_copies_cannot_be_told_there_are_none),
	TEST(who_joins_has_the_ended_ones_forgotten),
	TEST(without_realms_there_is_nothing_to_count),
		TEST(a_fork_while_quiesced_is_seen_after_it),
		TEST(the_id_and_randomness_are_there_while_quiesced),
		TEST(a_quiesce_ends_waits),
		TEST(the_count_skips_0_at_a_resume),
		TEST(a_held_lock_makes_others_give_up),
		TEST(it_has_nothing_to_do_with_sealing),
	};

	return run_tests(tests, sizeof(tests) / sizeof(tests[0]));
}
