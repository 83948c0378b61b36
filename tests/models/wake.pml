/* The wake-up protocol of pipeline/ipc/ring.c on a machine with store buffers (x86-TSO): can both
 * ends sleep for ever, or a slot be overwritten before it was read?
 *
 * A store goes into its process's buffer and reaches memory some time later, in order. A seq_cst
 * store waits until the buffer is empty; a relaxed one does not. Loads come from memory (neither
 * side loads what it stores itself). The slots are written to memory at once: in the buffer they
 * would be in front of the tail that publishes them, so early is the only way to be wrong.
 *
 * Both ends may publish and release after each item or later. Sleeping for ever is an invalid end
 * state. Controls that have to fail:
 *   -DNO_FENCE             seq_cst stores are relaxed
 *   -DNO_CONSUMER_RECHECK  the consumer sleeps without a second look at tail
 *   -DNO_PRODUCER_RECHECK  the producer sleeps without a second look at head */
#define ITEMS 4
#define SLOTS 2

mtype = { TAIL, HEAD, CONSUMER_SLEEPING, PRODUCER_SLEEPING };

byte tail, head;
bool consumer_sleeping, producer_sleeping;
byte slots[SLOTS];
byte items_bell, room_bell; /* eventfds */

chan producer_buffer = [3] of { mtype, byte };
chan consumer_buffer = [3] of { mtype, byte };

#define RELAXED_STORE(buffer, name, value) buffer!name, value
#ifdef NO_FENCE
#define SEQ_CST_STORE(buffer, name, value) buffer!name, value
#else
#define SEQ_CST_STORE(buffer, name, value) buffer!name, value; empty(buffer)
#endif

proctype memory(chan buffer)
{
	mtype name;
	byte value;
end:	do
	:: atomic {
		buffer?<name, value> ->
		if
		:: name == TAIL -> tail = value
		:: name == HEAD -> head = value
		:: name == CONSUMER_SLEEPING -> consumer_sleeping = value
		:: name == PRODUCER_SLEEPING -> producer_sleeping = value
		fi;
		buffer?name, value /* removed after the store: an empty buffer means that all is stored */
	}
	od
}

/* take_flag() and the bell. The exchange is a locked instruction: it empties the buffer. */
inline take_flag_and_ring(buffer, flag, bell)
{
	if
	:: flag ->
		empty(buffer);
		atomic {
			if
			:: flag -> flag = false; taken = true
			:: else -> taken = false
			fi
		};
		if
		:: taken -> bell++
		:: else
		fi
	:: else
	fi
}

inline publish()
{
	if
	:: own != published ->
		published = own;
		SEQ_CST_STORE(producer_buffer, TAIL, own);
		take_flag_and_ring(producer_buffer, consumer_sleeping, items_bell)
	:: else
	fi
}

proctype producer()
{
	byte own, published, peer;
	bool taken;

	do
	:: own == ITEMS -> break
	:: own < ITEMS ->
		if
		:: own - peer == SLOTS -> peer = head
		:: else
		fi;
		if
		:: own - peer < SLOTS ->
			slots[own % SLOTS] = own;
			own++;
			if
			:: publish()
			:: skip
			fi
		:: else ->
			publish();
			SEQ_CST_STORE(producer_buffer, PRODUCER_SLEEPING, true);
			if
#ifdef NO_PRODUCER_RECHECK
			:: true ->
#else
			:: own - head == SLOTS ->
#endif
				atomic { room_bell > 0 -> room_bell = 0 }
#ifndef NO_PRODUCER_RECHECK
			:: else -> RELAXED_STORE(producer_buffer, PRODUCER_SLEEPING, false)
#endif
			fi
		fi
	od;
	publish()
}

inline release()
{
	if
	:: own != published ->
		published = own;
		SEQ_CST_STORE(consumer_buffer, HEAD, own);
		if
		:: peer - own <= SLOTS / 2 ->
			take_flag_and_ring(consumer_buffer, producer_sleeping, room_bell)
		:: else
		fi
	:: else
	fi
}

proctype consumer()
{
	byte own, published, peer;
	bool taken;

	do
	:: own == ITEMS -> break
	:: own < ITEMS ->
		if
		:: own == peer -> peer = tail
		:: else
		fi;
		if
		:: own != peer ->
			assert(slots[own % SLOTS] == own);
			own++;
			if
			:: release()
			:: skip
			fi
		:: else ->
			release();
			SEQ_CST_STORE(consumer_buffer, CONSUMER_SLEEPING, true);
			if
#ifdef NO_CONSUMER_RECHECK
			:: true ->
#else
			:: tail == own ->
#endif
				atomic { items_bell > 0 -> items_bell = 0 };
				RELAXED_STORE(consumer_buffer, CONSUMER_SLEEPING, false)
#ifndef NO_CONSUMER_RECHECK
			:: else -> RELAXED_STORE(consumer_buffer, CONSUMER_SLEEPING, false)
#endif
			fi
		fi
	od;
	release()
}

init {
	atomic {
		run memory(producer_buffer);
		run memory(consumer_buffer);
		run producer();
		run consumer()
	}
}
