/* A worker that may die between any two of its steps, and the supervisor that replaces it: is every
 * record committed exactly once, and is no healthy worker taken for a corrupt one?
 *
 * The supervisor leases records to the worker over the ring "down" and gets results over "up".
 * After a death it drains what the dead one published, leases the rest again under fresh ids, and
 * resets both rings before the next worker attaches. A result whose lease is not outstanding would
 * mean a corrupt worker; here all are healthy, so it may not happen. Both sides see memory in order
 * (wake.pml looks at the rest) and are woken whenever there is something to do.
 *
 *   -DNO_DRAIN        results of the dead worker are thrown away: slower, but right
 * Controls that have to fail:
 *   -DNO_RESET_UP     old results are read again: a healthy worker is blamed
 *   -DNO_RESET_UP -DOLD_IDS    the same, if a lease kept its id: a record is committed twice
 *   -DNO_RESET_DOWN   the new worker begins with old leases
 *   -DNO_REQUEUE      leases of the dead are lost: the run never ends */
#define RECORDS 5
#define IN_FLIGHT 2
#define SLOTS 2
#define DEATHS 4

typedef slot { byte id; byte record };
typedef ring { byte tail; byte head; slot slots[SLOTS] };

ring down, up;
bool is_alive, is_over;
byte n_deaths;

#define MAY_DIE \
	if \
	:: n_deaths < DEATHS -> n_deaths++; goto dead \
	:: true \
	fi

proctype worker()
{
	byte popped, pushed; /* the worker's own ends */
	byte id, record;

	do
	:: is_over -> goto gone
	:: down.tail > popped ->
		MAY_DIE;
		d_step {
			id = down.slots[popped % SLOTS].id;
			record = down.slots[popped % SLOTS].record;
			popped++
		};
		MAY_DIE;
		down.head = popped;
		MAY_DIE;
		pushed - up.head < SLOTS; /* there is room, or there will be */
		up.slots[pushed % SLOTS].id = id;
		MAY_DIE;
		up.slots[pushed % SLOTS].record = record;
		MAY_DIE;
		pushed++;
		up.tail = pushed;
		MAY_DIE
	od;
dead:
	id = 0; record = 0; popped = 0; pushed = 0;
	is_alive = false;
gone:
	skip
}

/* The supervisor's private state: nothing of it is shared. */
byte lease_of[RECORDS]; /* id; 0: not leased */
bool is_done[RECORDS];
byte n_committed[RECORDS];
byte next_id, next_commit, n_done, n_in_flight;
byte pushed_down, popped_up;

inline take_result()
{
	d_step {
		id = up.slots[popped_up % SLOTS].id;
		r = up.slots[popped_up % SLOTS].record;
		popped_up++
	};
	up.head = popped_up;
	assert(r < RECORDS && id != 0);
#ifndef OLD_IDS
	assert(lease_of[r] == id); /* else a healthy worker would be killed as corrupt */
#endif
	assert(!is_done[r]); /* else it would be committed twice */
	d_step {
		is_done[r] = true;
		n_done++;
		lease_of[r] = 0;
		n_in_flight--;
		id = 0;
		r = 0
	}
}

inline lease_oldest()
{
	d_step {
		r = 0;
		do
		:: is_done[r] || lease_of[r] != 0 -> r++
		:: else -> break
		od;
#ifdef OLD_IDS
		lease_of[r] = r + 1;
#else
		next_id++;
		lease_of[r] = next_id;
#endif
		n_in_flight++;
		down.slots[pushed_down % SLOTS].id = lease_of[r];
		down.slots[pushed_down % SLOTS].record = r;
		pushed_down++;
		r = 0
	};
	down.tail = pushed_down
}

inline reset(which)
{
	which.tail = 0;
	which.head = 0;
	which.slots[0].id = 0;
	which.slots[0].record = 0;
	which.slots[1].id = 0;
	which.slots[1].record = 0
}

inline replace_worker()
{
#ifndef NO_DRAIN
	do
	:: up.tail > popped_up -> take_result()
	:: else -> break
	od;
#endif
	true; /* spin allows no jump into a d_step */
	d_step {
#ifndef NO_REQUEUE
		r = 0;
		do
		:: r < RECORDS -> lease_of[r] = 0; r++
		:: else -> break
		od;
		n_in_flight = 0;
		r = 0;
#endif
#ifndef NO_RESET_DOWN
		reset(down);
#endif
#ifndef NO_RESET_UP
		reset(up);
#endif
		pushed_down = 0;
		popped_up = 0;
		is_alive = true
	};
	run worker()
}

active proctype supervisor()
{
	byte id, r;

	is_alive = true;
	run worker();
	do
	:: next_commit == RECORDS -> break
	:: next_commit < RECORDS && is_done[next_commit] ->
		d_step {
			n_committed[next_commit]++;
			assert(n_committed[next_commit] == 1);
			next_commit++
		}
	:: up.tail > popped_up -> take_result()
	:: is_alive && n_in_flight < IN_FLIGHT && n_done + n_in_flight < RECORDS &&
	   pushed_down - down.head < SLOTS -> lease_oldest()
	:: !is_alive -> replace_worker()
	od;
	is_over = true
}
