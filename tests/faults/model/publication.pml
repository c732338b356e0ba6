/* Lease and publication of one feed with two tables, for the model checker spin: the same protocol as
 * protocol.py, told independently. spin.sh checks it, and that each variant without a safeguard fails.
 *
 * Two processes take the feed's lease, bring each table to its published version, append a candidate,
 * and publish both by one entry of the log. Either may die between any two steps. With PASSING the lease
 * may pass to the other while its holder sleeps, as on S3. Content counts how often the one file is in a table.
 */
#define PROCESSES 2
#define VERSIONS 12
#define LOG 6
#define NOBODY 255

byte content[2 * VERSIONS];   /* of version v of table t, at t * VERSIONS + v */
byte latest[2];               /* newest version of each table */
byte ledger_length;
byte number[LOG];             /* of each entry of the log: its publication, writer and versions */
byte writer[LOG];
byte shown[2 * LOG];
byte holder = NOBODY;
byte deaths;
byte runs;
bool stale;

#define CONTENT(t, v) content[(t) * VERSIONS + (v)]
#define SHOWN(t, e) shown[(t) * LOG + (e)]

/* Dies here, perhaps: everything that the process knew is gone; a lock of the system's goes with it. */
#define MAY_DIE if :: deaths < 2 -> deaths++; goto dead :: true fi

proctype attempt(byte me) {
    byte base, t, wanted, before, slot, e;
    byte version[2];
    byte published[2];
    bool mine;

again:
    atomic {
        if
#ifdef NO_LEASE
        :: runs < 4 -> runs++; holder = me
#else
        :: runs < 4 && holder == NOBODY -> runs++; holder = me
#endif
#ifdef PASSING
        :: runs < 4 && holder != NOBODY -> runs++; holder = me
#endif
        :: runs >= 4 -> goto ended
        fi
    }
    d_step {
        base = 0; published[0] = 0; published[1] = 0; version[0] = 0; version[1] = 0; before = 0; slot = 0; mine = false;
        if
        :: ledger_length > 0 ->
            base = number[ledger_length - 1];
            published[0] = SHOWN(0, ledger_length - 1);
            published[1] = SHOWN(1, ledger_length - 1)
        :: else
        fi
    }
    /* One file: once it is published, nothing is to do. */
    if :: base > 0 -> goto release :: else fi;
    t = 0;
    do
    :: t < 2 ->
        MAY_DIE;
        d_step {
            wanted = published[t];
#ifndef NO_RESTORE
            if
            :: latest[t] != wanted -> latest[t]++; CONTENT(t, latest[t]) = CONTENT(t, wanted)
            :: else
            fi;
#endif
            before = latest[t]
        }
        MAY_DIE;
        atomic {
#ifndef NO_BUILT_ON
            if :: latest[t] != before -> goto release :: else fi;
#endif
            latest[t]++;
            CONTENT(t, latest[t]) = CONTENT(t, latest[t] - 1) + 1;
            version[t] = latest[t]
        }
        t++
    :: else -> break
    od;
    MAY_DIE;
    if :: latest[0] != version[0] || latest[1] != version[1] -> goto release :: else fi;
    MAY_DIE;
    atomic {
#ifndef NO_FENCE
        if :: holder != me -> goto release :: else fi;
#endif
        stale = stale || holder != me
    }
    MAY_DIE;
send:
    atomic {
#ifndef NO_BUILT_ON
        if :: ledger_length != base -> goto read_back :: else fi;
#endif
        slot = ledger_length
    }
    MAY_DIE;
    atomic {
#ifndef NO_PUT_IF_ABSENT
#ifndef NO_BUILT_ON
        if :: slot < ledger_length -> goto read_back :: else fi;
#else
        if :: slot < ledger_length -> goto send :: else fi;
#endif
#endif
#ifndef PASSING
        stale = stale || holder != me;
#endif
        number[slot] = base + 1; writer[slot] = me; SHOWN(0, slot) = version[0]; SHOWN(1, slot) = version[1];
        if :: slot == ledger_length -> ledger_length++ :: else fi
    }
    MAY_DIE;
read_back:
    atomic {
        e = 0; mine = false;
        do
        :: e < ledger_length -> mine = mine || (number[e] == base + 1 && writer[e] == me && SHOWN(0, e) == version[0]); e++
        :: else -> break
        od
    }
    if
    :: mine -> goto told
    :: else -> goto release
    fi;
told:
    /* It was told that its publication stands: so it must, for ever. */
    do
    :: atomic {
        e = 0; mine = false;
        do
        :: e < ledger_length -> mine = mine || (number[e] == base + 1 && writer[e] == me && SHOWN(0, e) == version[0]); e++
        :: else -> break
        od;
        assert(mine)
       }
    :: break
    od;
release:
    atomic { if :: holder == me -> holder = NOBODY :: else fi }
    goto again;
dead:
    atomic { if :: holder == me -> holder = NOBODY :: else fi }
    goto again;
ended:
    skip
}

/* Readers, and whoever looks at the ledger, at any moment. */
active proctype reader() {
    byte e;
    do
    :: atomic {
        assert(!stale);
        e = 0;
        do
        :: e < ledger_length ->
            assert(number[e] == e + 1);
            assert(CONTENT(0, SHOWN(0, e)) == 1 && CONTENT(1, SHOWN(1, e)) == 1);
            e++
        :: else -> break
        od
       }
    :: runs >= 4 && _nr_pr == 2 -> break
    od;
    /* Both processes have ended: with two deaths at most, one of four runs has published. */
    assert(ledger_length == 1 || deaths > 1)
}

init {
    atomic { run attempt(0); run attempt(1) }
}
