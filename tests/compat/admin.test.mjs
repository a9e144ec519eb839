// What is done to a queue by hand. Each scene is made by BullMQ and copied, so
// that both sides start from the same keys; then BullMQ does a thing to its copy
// and we to ours, and both answers and both keyspaces must be equal.

import assert from 'node:assert/strict';
import { FlowProducer, Job, LEVEL, Queue, QUEUE, START, TOKEN, described,
	stories } from './both.mjs';
import { PREFIX } from './stage.mjs';

const OTHER = 'other';
const key = (suffix, queue = QUEUE) => `${PREFIX}:${queue}:${suffix}`;

// BullMQ's hands on the first database while a scene is made.
class Scene {
	constructor(s) {
		this.s = s;
		this.queue = s.queue;
		this.redis = s.redisNode;
		this.opened = [];
	}

	get connection() {
		return { connection: this.s.server.connection(1), prefix: PREFIX };
	}

	async other() {
		const queue = new Queue(OTHER, this.connection);
		this.opened.push(queue);
		await described(this.redis, OTHER);
		return queue;
	}

	add(id, opts = {}, queue = this.queue) {
		return queue.add('n', { of: id }, { jobId: id, ...opts });
	}

	async flow(node) {
		if (!this.flows) {
			this.flows = new FlowProducer(this.connection);
			this.opened.push(this.flows);
		}
		const full = ([id, children = [], opts = {}, queueName = QUEUE]) => ({
			name: 'n', data: {}, queueName, opts: { jobId: id, ...opts },
			children: children.map(full),
		});
		return await this.flows.add(full(node));
	}

	// Takes until `id` comes; the others go back to where they were.
	async take(id) {
		const passed = [];
		for (;;) {
			const job = await this.s.worker.getNextJob(TOKEN,
				{ block: false });
			assert.ok(job, `${id} cannot be taken`);
			if (job.id === id) {
				for (const other of passed.reverse())
					await this.redis.rpush(key('wait'), other);
				return job;
			}
			passed.push(job.id);
			await this.redis.lrem(key('active'), 1, job.id);
			await this.redis.del(key(`${job.id}:lock`));
			await this.redis.hdel(key(job.id), 'ats', 'processedOn', 'pb');
		}
	}

	async complete(id, value = { done: id }) {
		await (await this.take(id)).moveToCompleted(value, TOKEN, false);
	}

	async fail(id) {
		await (await this.take(id)).moveToFailed(new Error('no luck'), TOKEN,
			false);
	}

	scheduler(id, opts, more = {}) {
		return this.queue.upsertJobScheduler(id, opts,
			{ name: 'tick', ...more });
	}
}

// Both databases become copies of a third one, so that their sets, too, are read
// in the same order.
async function copy(s) {
	const kept = s.server.redis(3);
	const all = async (from, to, db) => {
		await to.flushdb();
		for (const name of (await from.keys('*')).sort())
			await from.call('COPY', name, name, 'DB', db);
	};
	await all(s.redisNode, kept, 3);
	await all(kept, s.redisNode, 1);
	await all(kept, s.redisOurs, 2);
	s.node.forget();
	s.ours.forget();
	await s.compare('the copy');
}

// Both sides' answers, or what is wrong, must be the same.
async function same(s, what, node, ours) {
	let answer, refusal;
	await s.step(what, async () => {
		answer = await node();
	}, async () => {
		refusal = await ours();
	});
	assert.deepEqual(refusal, answer, `${s.name}: answer to ${what}`);
}

// What follows must wake somebody itself.
const noMarker = (s) => s.both('no marker',
	(redis) => redis.del(key('marker')));

const backend = (s) => s.queue.backend ?? s.queue.scripts;
const number = async (s, op, request) =>
	(await s.peer.do(op, { now: s.clock, ...request })).number;

const CODES = [[/Missing key for parent/, -5], [/Missing key/, -1],
	[/is not in the/, -3], [/belongs to a job scheduler/, -8],
	[/non-paused/, -1], [/active jobs/, -2]];

// BullMQ throws what its scripts answer with a negative number.
async function code(promise, good) {
	try {
		const value = await promise;
		return good ?? value;
	} catch (err) {
		const found = CODES.find(([text]) => text.test(err.message));
		if (!found)
			throw err;
		return found[1];
	}
}

// The things to do, each on both sides.
const pause = (s) => same(s, 'pause', () => code(s.queue.pause(), 0),
	() => number(s, 'pause'));
const resume = (s) => same(s, 'resume', () => code(s.queue.resume(), 0),
	() => number(s, 'resume'));
const remove = (s, id, children = true) => same(s, `remove ${id}`,
	() => code(s.queue.remove(id, { removeChildren: children })),
	() => number(s, 'remove', { id, children }));
const drain = (s, delayed = false) => same(s, 'drain',
	() => code(s.queue.drain(delayed), 0), async () => {
		while (await number(s, 'drain', { delayed }) === 1000)
			;
		return 0;
	});
const clean = (s, state, before = s.clock, limit = 1000) => same(s,
	`clean ${state}`,
	() => backend(s).cleanJobsByState?.(state, before, limit) ??
		backend(s).cleanJobsInSet(state, before, limit),
	async () => (await s.peer.do('clean', { state, before, limit })).ids);
const obliterate = (s, force = false, count = 1000) => same(s, 'obliterate',
	() => code(backend(s).obliterate({ force, count })),
	() => number(s, 'obliterate', { force, count }));
const retry = (s, id, from, made = false, started = false) => same(s,
	`retry ${id}`, async () => {
		const job = await s.queue.getJob(id) ?? new Job(s.queue, 'n', {}, {}, id);
		return await code(job.retry(from, { resetAttemptsMade: made,
			resetAttemptsStarted: started }), 1);
	}, () => number(s, 'retry', { id, from, keepsAttempts: !made,
		keepsStarts: !started }));
const promote = (s, id) => same(s, `promote ${id}`, async () => {
	const job = await s.queue.getJob(id) ?? new Job(s.queue, 'n', {}, {}, id);
	return await code(job.promote(), 0);
}, () => number(s, 'promote', { id }));
const retryAll = (s, state, timestamp = s.clock, count = 1000) => same(s,
	`retry all ${state}`,
	() => s.queue.retryJobs({ state, count, timestamp }).then(() => 0),
	async () => {
		let more;
		do
			more = await number(s, 'retryAll',
				{ from: state, before: timestamp, count });
		while (more === 1);
		return more;
	});
const promoteAll = (s, count = 1000) => same(s, 'promote all',
	() => s.queue.promoteJobs({ count }).then(() => 0), async () => {
		let more;
		do
			more = await number(s, 'promoteAll', { count });
		while (more === 1);
		return more;
	});

const TREE = ['p', [['c1'], ['c2']]];

stories('by hand', (story) => {
	// A scene, then what is done in it.
	const act = (name, make, play) => story(name, async (s) => {
		const scene = new Scene(s);
		s.copy = () => copy(s);
		try {
			await make(scene);
			await copy(s);
			await play(s, scene);
		} finally {
			for (const each of scene.opened)
				await each.close();
		}
	});

	// ---- pause and resume ----

	act('pause and resume, with jobs', async (c) => {
		await c.add('a');
		await c.add('d', { delay: 5000 });
	}, async (s) => {
		await pause(s);
		await pause(s);
		await resume(s);
		await resume(s);
	});

	act('pause and resume, delayed only', async (c) => {
		await c.add('d', { delay: 5000 });
	}, async (s) => {
		await pause(s);
		await resume(s);
	});

	act('pause and resume, nothing', async () => {}, async (s) => {
		await pause(s);
		await resume(s);
	});

	act('pause and resume, all prioritized, at the cap', async (c) => {
		await c.queue.setGlobalConcurrency(1);
		await c.add('a');
		await c.take('a');
		await c.add('p', { priority: 3 });
	}, async (s) => {
		await pause(s);
		await resume(s);
	});

	act('resume after version 5', async (c) => {
		await c.add('a');
		await c.add('b');
		await c.queue.pause();
		await c.redis.rename(key(LEVEL === 5 ? 'paused' : 'wait'),
			key('paused')).catch(() => {});
	}, resume);

	if (LEVEL === 6) act('resume after version 5, wait in use', async (c) => {
		for (const id of ['x', 'y', 'z'])
			await c.add(id);
		await c.redis.rename(key('wait'), key('paused'));
		await c.redis.hset(key('meta'), 'paused', 1);
		await c.add('m');
		await c.add('n');
	}, resume);

	if (LEVEL === 6) act('resume of very many', async (c) => {
		await c.redis.hset(key('meta'), 'paused', 1);
		const ids = Array.from({ length: 11000 }, (_, i) => `j${i}`);
		await c.redis.rpush(key('paused'), ...ids);
		await c.redis.rpush(key('wait'), 'first');
	}, resume);

	// ---- limits ----

	act('limits', async (c) => {
		await c.add('a');
		await c.take('a');
	}, async (s) => {
		const ttl = (max) => same(s, `ttl ${max}`, async () => {
			const ms = await s.queue.getRateLimitTtl(max);
			return ms > 1000 ? 'long' : ms;
		}, async () => {
			const ms = await number(s, 'limitTtl', { max });
			return ms > 1000 ? 'long' : ms;
		});
		const maxed = (wanted) => same(s, 'maxed', () => s.queue.isMaxed(),
			async () => (await s.peer.do('settings')).maxed)
			.then(async () => assert.equal(await s.queue.isMaxed(), wanted));
		await ttl();
		await ttl(3);
		await maxed(false);
		await same(s, 'cap', () => s.queue.setGlobalConcurrency(1),
			() => number(s, 'concurrency', { concurrency: 1 }));
		await maxed(true);
		await same(s, 'other cap', () => s.queue.setGlobalConcurrency(2),
			() => number(s, 'concurrency', { concurrency: 2 }));
		await same(s, 'limit', () => s.queue.setGlobalRateLimit(5, 1000),
			() => number(s, 'limit', { max: 5, duration: 1000 }));
		await ttl();
		await same(s, 'rate limit',
			() => s.queue.rateLimit(60000).then(() => 0),
			() => number(s, 'rateLimit', { for: 60000 }));
		await ttl();
		await ttl(7);
		const answer = await s.peer.do('settings');
		assert.deepEqual([answer.paused, answer.concurrency, answer.max,
			answer.duration, answer.active, answer.maxEvents, answer.pro],
		[false, 2, 5, 1000, 1, 10000, false]);
		assert.match(answer.version, /^bullmq:/);
		await s.both('a count', (redis) =>
			redis.set(key('limiter'), 4, 'PX', 70000));
		await ttl();
		await ttl(3);
		await ttl(10);
		for (let i = 0; i < 2; i++) {
			await same(s, 'no rate limit',
				() => s.queue.removeRateLimitKey(),
				() => number(s, 'removeRateLimit'));
			await same(s, 'no cap',
				() => s.queue.removeGlobalConcurrency(),
				() => number(s, 'concurrency'));
			await same(s, 'no limit', () => s.queue.removeGlobalRateLimit(),
				() => number(s, 'limit'));
		}
		await s.both('a count without end',
			(redis) => redis.set(key('limiter'), 4));
		await ttl();
		await ttl(3);
		await same(s, 'cap 0', () => s.queue.setGlobalConcurrency(0),
			() => number(s, 'concurrency', { concurrency: 0 }));
		await maxed(true);
	});

	// ---- removing one ----

	act('remove, in every state', async (c) => {
		await c.add('act');
		await c.take('act');
		await c.add('co');
		await c.complete('co');
		await c.add('fa');
		await c.fail('fa');
		await c.add('w');
		await c.add('d', { delay: 5 });
		await c.add('pr', { priority: 1 });
		await c.flow(TREE);
		await c.add('nowhere');
		await c.redis.lrem(key('wait'), 1, 'nowhere');
		await c.redis.rpush(key('w:logs'), 'a row');
	}, async (s) => {
		for (const id of ['act', 'co', 'fa', 'w', 'd', 'pr', 'p', 'nowhere',
			'none'])
			await remove(s, id);
		await s.expire('act');
		await remove(s, 'act');
	});

	act('remove, what waits in a paused queue', async (c) => {
		await c.add('a');
		await c.add('b');
		await c.queue.pause();
	}, (s) => remove(s, 'a'));

	act('remove an id without a job', async (c) => {
		await c.add('b');
		await c.add('z', { delay: 5 });
		await c.redis.del(key('z'));
	}, (s) => remove(s, 'z'));

	act('remove children, one after the other', (c) => c.flow(TREE),
		async (s) => {
			await noMarker(s);
			await remove(s, 'c1');
			await remove(s, 'c2');
		});

	act('remove children of parents elsewhere', async (c) => {
		await c.other();
		await c.flow(['p1', [['c1']], { priority: 4 }, OTHER]);
		await c.flow(['p2', [['c2']], { delay: 400 }, OTHER]);
	}, async (s) => {
		await remove(s, 'c1');
		await remove(s, 'c2');
	});

	act('remove the child of a parent in a paused queue', async (c) => {
		await (await c.other()).pause();
		await c.flow(['p1', [['c1']], {}, OTHER]);
	}, (s) => remove(s, 'c1'));

	act('remove a child whose parent is gone', async (c) => {
		await c.flow(['p1', [['c1']]]);
		await c.redis.del(key('p1'));
	}, (s) => remove(s, 'c1'));

	act('remove a parent without its children', (c) => c.flow(TREE),
		async (s) => {
			await remove(s, 'p', false);
			await remove(s, 'c1');
		});

	act('remove a parent with its children', async (c) => {
		await c.flow(TREE);
		await c.complete('c1');
	}, (s) => remove(s, 'p'));

	act('remove a parent of an active child', async (c) => {
		await c.flow(['p', [['c1', [['g1'], ['g2']]]]]);
		await c.take('g1');
	}, async (s) => {
		await remove(s, 'p');
		await remove(s, 'c1');
		await remove(s, 'p', false);
	});

	act('remove a family over two queues', async (c) => {
		await c.other();
		await c.flow(['p', [['c1', [['g1', [], { failParentOnFailure: true }],
			['g2', [], { ignoreDependencyOnFailure: true }], ['g3']], {},
		OTHER]]]);
		await c.fail('g1');
		await c.fail('g2');
		await c.complete('g3');
	}, (s) => remove(s, 'p'));

	act('remove finished children', async (c) => {
		await c.flow(['p', [['c1', [], { failParentOnFailure: true }],
			['c2', [], { ignoreDependencyOnFailure: true }]]]);
		await c.flow(['p2', [['c3'], ['c4']]]);
		await c.fail('c1');
		await c.fail('c3');
		await c.complete('c4');
	}, async (s) => {
		await remove(s, 'c1');
		await remove(s, 'c2');
		await remove(s, 'c4');
		await remove(s, 'c3');
	});

	act('remove owners of deduplication ids', async (c) => {
		await c.add('a', { deduplication: { id: 'x' } });
		await c.add('b', { deduplication: { id: 'y', ttl: 50000 } });
		await c.add('k', { deduplication:
			{ id: 'k', keepLastIfActive: true } });
		await c.complete('a');
		await c.take('b');
		await c.take('k');
		await c.add('k2', { deduplication:
			{ id: 'k', keepLastIfActive: true } });
		await c.add('a2', { deduplication: { id: 'x' } });
		await c.redis.del(key('k:lock'), key('b:lock'));
	}, async (s) => {
		for (const id of ['b', 'k', 'a', 'a2'])
			await remove(s, id);
	});

	act('remove a scheduler\'s jobs', async (c) => {
		await c.scheduler('s', { every: 5000 });
	}, async (s) => {
		const id = `repeat:s:${START}`;
		await remove(s, id);
		await s.both('the scheduler goes on', (redis) =>
			redis.zadd(key('repeat'), START + 5000, 's'));
		await remove(s, id);
	});

	act('remove what is still to do for a parent', async (c) => {
		await c.other();
		await c.flow(['p', [['c1'], ['c2'], ['f'],
			['c3', [['g1'], ['g2'], ['g3']], {}, OTHER],
			['d', [], { delay: 4000 }, OTHER],
			['pr', [], { priority: 3 }], ['ghost']]]);
		await c.complete('c1');
		await c.take('c2');
		await c.fail('f');
		await c.complete('g1');
		await c.take('g2');
		await c.redis.del(key('ghost'));
	}, (s) => same(s, 'remove children', async () => {
		await (await s.queue.getJob('p')).removeUnprocessedChildren();
		return 0;
	}, () => number(s, 'removeChildren', { id: 'p' })));

	act('remove all that is to do for a parent', (c) => c.flow(TREE),
		(s) => same(s, 'remove children', async () => {
			await (await s.queue.getJob('p')).removeUnprocessedChildren();
			return 0;
		}, () => number(s, 'removeChildren', { id: 'p' })));

	act('children leave their parents', async (c) => {
		await c.other();
		await c.flow(TREE);
		await c.flow(['po', [['co']], { delay: 3000 }, OTHER]);
		await c.flow(['p2', [['c5']]]);
		await c.flow(['p3', [['c6']]]);
		await c.add('solo');
		await c.complete('c5');
		await c.redis.del(key('p3'));
	}, async (s) => {
		for (const id of ['c1', 'c2', 'c2', 'co', 'c5', 'c6', 'solo'])
			await same(s, `${id} leaves`, async () => {
				const job = await s.queue.getJob(id);
				return await code(
					job.removeChildDependency().then(Number))
					.then((n) => n === 0 && !job.parentKey ? -5 : n);
			}, () => number(s, 'leaveParent', { id }));
	});

	// ---- sweeps ----

	act('drain', async (c) => {
		await c.other();
		await c.scheduler('s', { every: 5000 });
		await c.scheduler('s2', { every: 5000 }, { opts: { priority: 3 } });
		await c.scheduler('s3', { every: 5000, startDate: START + 9000 });
		await c.add('act');
		await c.take('act');
		await c.add('w1');
		await c.add('w2', { deduplication: { id: 'x' } });
		await c.add('w3', { deduplication: { id: 'y', ttl: 50000 } });
		await c.redis.hset(key('dn:y'), 'name', 'n');
		await c.redis.set(key('de:x'), 'somebody');
		await c.redis.set(key('w1:lock'), 'a lock');
		await c.redis.rpush(key('w1:logs'), 'a row');
		await c.add('p1', { priority: 1 });
		await c.add('p9', { priority: 9 });
		await c.add('d1', { delay: 5 });
		await c.add('d2', { delay: 60000 });
		await c.flow(TREE);
		await c.flow(['po', [['co']], { priority: 2 }, OTHER]);
		await c.flow(['px', [['cx', [], {}, OTHER]]]);
	}, async (s) => {
		await drain(s);
		await drain(s, true);
	});

	act('drain a paused queue', async (c) => {
		await c.add('w1');
		await c.add('w2');
		await c.add('ghost');
		await c.redis.del(key('ghost'));
		await c.queue.pause();
	}, (s) => drain(s, true));

	act('drain three generations', async (c) => {
		await c.other();
		await c.flow(['gp', [['p', [['g1'], ['g2', [], { priority: 4 }]]]],
			{}, OTHER]);
		await c.flow(['gp2', [['p2', [['g5'], ['g6', [], {}, OTHER]]],
			['p3', [['g7']]]]]);
		await c.flow(['gp4', [['p4', [['g8']]]]]);
		await c.flow(['gp5', [['p5', [['g9']], {}, OTHER]]]);
	}, (s) => drain(s));

	act('drain what is left of families', async (c) => {
		await c.flow(TREE);
		await c.complete('c1');
		await c.take('c2');
		await c.flow(['p2', [['c5', [], { failParentOnFailure: true }]]]);
		await c.fail('c5');
		await c.flow(['p3', [['c6'], ['c7']]]);
		await c.fail('c6');
		await c.flow(['p4', [['c8']]]);
		await c.redis.del(key('p4'));
	}, (s) => drain(s, true));

	act('drain an old job of a scheduler', async (c) => {
		await c.scheduler('s', { every: 5000 });
		await c.redis.zadd(key('repeat'), 5, 's');
	}, (s) => drain(s));

	// Upstream takes as many entries from the list's left end as it has removed
	// jobs: whichever a scheduler's job is among, the wrong one stays. The job
	// is lost there, and the scheduler with it.
	act('drain, where we do not follow', async (c) => {
		await c.add('w1');
		await c.scheduler('s', { every: 5000 });
	}, async (s) => {
		await s.queue.drain();
		assert.equal(await number(s, 'drain'), 1);
		const next = `repeat:s:${START}`;
		assert.deepEqual(await s.redisNode.lrange(key('wait'), 0, -1), ['w1']);
		assert.deepEqual(await s.redisOurs.lrange(key('wait'), 0, -1), [next]);
		assert.equal(await s.redisOurs.exists(key(next), key('w1')), 1);
	});

	// Ids without a job are dropped, and said to be removed; upstream lets them
	// wait, and a worker run nothing.
	act('ids without a job, where we do not follow', async (c) => {
		await c.add('f');
		await c.fail('f');
		await c.add('d', { delay: 5000 });
		await c.add('d2', { delay: 6000 });
		await c.redis.del(key('f'), key('d'), key('d2'));
	}, async (s) => {
		assert.equal(await number(s, 'promote', { id: 'd' }), -1);
		await number(s, 'promoteAll');
		await number(s, 'retryAll', { from: 'failed' });
		assert.equal(await s.redisOurs.exists(key('wait'), key('failed'),
			key('delayed'), key('d')), 0);
		const events = await s.redisOurs.xrevrange(key('events'), '+', '-',
			'COUNT', 3);
		assert.deepEqual(events.map(([, fields]) => fields.join(' ')), [
			'event removed jobId f prev failed',
			'event removed jobId d2 prev delayed',
			'event removed jobId d prev delayed']);
	});

	act('drain parents of a paused and a full queue', async (c) => {
		const other = await c.other();
		await c.flow(['po', [['co']], {}, OTHER]);
		await other.setGlobalConcurrency(0);
		await c.flow(['pq', [['cq']], {}, OTHER]);
		await other.pause();
	}, (s) => drain(s));

	act('clean finished jobs', async (c) => {
		for (const id of ['a', 'b', 'ghost', 'c', 'd'])
			await c.add(id);
		await c.complete('a');
		c.s.clock += 10;
		await c.complete('b');
		await c.complete('ghost');
		await c.fail('c');
		c.s.clock += 10;
		await c.fail('d');
		await c.redis.del(key('ghost'));
	}, async (s) => {
		await clean(s, 'completed', START - 1);
		await clean(s, 'completed', START + 10, 2);
		await clean(s, 'completed', START + 10, 2);
		await clean(s, 'failed', START + 10);
		await clean(s, 'failed');
	});

	act('clean what waits', async (c) => {
		for (const id of ['a', 'b', 'ghost', 'new']) {
			await c.add(id, { timestamp: c.s.clock });
			c.s.clock++;
		}
		await c.add('p1', { priority: 1 });
		await c.add('p2', { priority: 1, timestamp: c.s.clock + 50 });
		await c.add('d1', { delay: 5000 });
		await c.add('d2', { delay: 9000, timestamp: c.s.clock + 50 });
		await c.add('ran', { timestamp: START - 9 });
		await c.redis.hset(key('ran'), 'processedOn', START + 900);
		await c.add('ended', { timestamp: START - 9 });
		await c.redis.hset(key('ended'), 'finishedOn', START + 900);
		await c.redis.del(key('ghost'));
		await c.redis.set(key('a:lock'), 'a lock');
	}, async (s) => {
		await clean(s, 'wait', START, 1);
		await clean(s, 'wait', START + 2, 2);
		await clean(s, 'wait', START + 3);
		await clean(s, 'prioritized');
		await clean(s, 'delayed', s.clock, 1);
		await clean(s, 'delayed');
		await clean(s, 'paused');
	});

	act('clean what is active', async (c) => {
		for (const id of ['a', 'b', 'c']) {
			await c.add(id);
			c.s.clock++;
			await c.take(id);
		}
		await c.flow(['p', [['c1']]]);
		await c.take('c1');
		await c.redis.del(key('a:lock'), key('c:lock'), key('c1:lock'));
	}, async (s) => {
		await clean(s, 'active', START + 1);
		await clean(s, 'active');
	});

	act('clean families', async (c) => {
		await c.other();
		await c.flow(TREE);
		await c.complete('c1');
		await c.fail('c2');
		await c.flow(['po', [['co']], {}, OTHER]);
		await c.fail('co');
		await c.flow(['px', [['cx', [], { failParentOnFailure: true }]]]);
		await c.fail('cx');
		await c.flow(['pw', [['cw']]]);
		c.s.clock++;
		await c.flow(['pw2', [['cw2']]]);
	}, async (s) => {
		await clean(s, 'completed');
		await clean(s, 'failed');
		await clean(s, 'waiting-children', START);
		await clean(s, 'wait');
	});

	act('clean around schedulers', async (c) => {
		await c.add('w1');
		await c.scheduler('s', { every: 5000 });
		await c.add('w2');
		await c.scheduler('s3', { every: 5000, startDate: START + 9000 });
		await c.scheduler('s2', { every: 5000 }, { opts: { priority: 3 } });
		await c.add('d', { delay: 5 });
	}, async (s) => {
		await clean(s, 'wait');
		await clean(s, 'delayed', s.clock + 1000);
		await clean(s, 'prioritized');
		await s.both('the job is active, and its lock is gone', (redis) =>
			redis.rpoplpush(key('wait'), key('active')));
		await clean(s, 'active', s.clock + 1000);
		await s.both('the job is done', async (redis) => {
			const id = `repeat:s2:${START}`;
			await redis.zrem(key('prioritized'), id);
			await redis.zadd(key('completed'), START, id);
		});
		await clean(s, 'completed');
	});

	act('obliterate', async (c) => {
		await c.other();
		await c.add('w1');
		await c.complete('w1', {});
		await c.add('d1', { delay: 5 });
		await c.add('p1', { priority: 2 });
		await c.add('x', { deduplication: { id: 'x' } });
		await c.add('ghost');
		await c.redis.del(key('ghost'));
		await c.scheduler('s', { every: 5000 });
		await c.queue.rateLimit(500000);
		await c.queue.setGlobalConcurrency(3);
		await c.flow(TREE);
		await c.flow(['po', [['co']], {}, OTHER]);
		await c.flow(['px', [['cx', [], {}, OTHER]]]);
		await c.redis.set(key('de:zz'), 'somebody');
		await c.redis.hset(key('metrics:completed'), 'count', 1);
		await c.redis.lpush(key('metrics:completed:data'), 1);
		await c.redis.sadd(key('stalled'), 'w1');
		await c.redis.set(key('stalled-check'), 1);
	}, async (s) => {
		await obliterate(s);
		await pause(s);
		await obliterate(s);
	});

	act('obliterate step by step', async (c) => {
		for (const i of [1, 2, 3]) {
			await c.add(`c${i}`);
			await c.complete(`c${i}`);
			await c.add(`f${i}`);
			await c.fail(`f${i}`);
		}
		for (const i of [1, 2, 3]) {
			await c.add(`a${i}`);
			await c.take(`a${i}`);
		}
		for (const i of [1, 2, 3]) {
			await c.add(`w${i}`);
			await c.add(`p${i}`, { priority: 1 });
			await c.add(`d${i}`, { delay: 5 });
			await c.scheduler(`s${i}`, { every: 5000 });
		}
		await c.redis.set(key('w2:lock'), 'a lock');
		await c.queue.pause();
		if (LEVEL === 6)
			await c.redis.rpush(key('paused'), 'ghost');
	}, async (s) => {
		await obliterate(s, false, 2);
		for (let i = 0; i < 14; i++)
			await obliterate(s, true, 2);
		assert.deepEqual(await s.redisOurs.keys('*'), [key('w2:lock')]);
	});

	// ---- waiting again ----

	act('retry', async (c) => {
		await c.add('a', { attempts: 2 });
		await c.add('l', { lifo: true });
		await c.add('p', { priority: 5 });
		await c.add('z');
		await c.complete('a');
		await c.fail('l');
		await c.fail('p');
	}, async (s) => {
		for (const [id, from, made, started] of [['a', 'failed'],
			['none', 'failed'], ['a', 'completed', true, true],
			['l', 'failed', true, false], ['p', 'failed', false, true]]) {
			await noMarker(s);
			await retry(s, id, from, made, started);
		}
	});

	act('retry in a paused queue', async (c) => {
		await c.add('a');
		await c.fail('a');
		await c.queue.pause();
	}, (s) => retry(s, 'a', 'failed'));

	act('retry children', async (c) => {
		await c.flow(TREE);
		await c.complete('c1');
		await c.fail('c2');
		await c.flow(['p2', [['c3', [], { failParentOnFailure: true }],
			['c4', [], { ignoreDependencyOnFailure: true }],
			['c5', [], { continueParentOnFailure: true }]]]);
		for (const id of ['c3', 'c4', 'c5'])
			await c.fail(id);
		await c.flow(['p3', [['c6']]]);
		await c.complete('c6');
		await c.redis.del(key('p3'));
	}, async (s) => {
		await retry(s, 'c1', 'completed');
		for (const id of ['c2', 'c3', 'c4', 'c5'])
			await retry(s, id, 'failed');
		await retry(s, 'c6', 'completed');
	});

	act('retry all', async (c) => {
		await c.flow(['p', [['c1', [], { ignoreDependencyOnFailure: true }],
			['c2', [], { failParentOnFailure: true }], ['c3']]]);
		for (const id of ['c1', 'c2', 'c3']) {
			await c.fail(id);
			c.s.clock++;
		}
		await c.add('b');
		await c.add('l', { lifo: true });
		await c.add('pr', { priority: 3 });
		for (const id of ['l', 'b', 'pr']) {
			await c.fail(id);
			c.s.clock++;
		}
	}, async (s) => {
		await noMarker(s);
		await retryAll(s, 'failed', s.clock - 2, 2);
		await retryAll(s, 'failed');
		await retryAll(s, 'completed');
	});

	act('retry all completed, paused', async (c) => {
		await c.flow(TREE);
		await c.complete('c1');
		await c.complete('c2');
		await c.queue.pause();
	}, (s) => retryAll(s, 'completed'));

	act('promote', async (c) => {
		await c.add('w');
		await c.add('a', { delay: 1000 });
		await c.add('b', { delay: 2000, priority: 2 });
		await c.add('l', { delay: 9000, lifo: true });
	}, async (s) => {
		for (const id of ['b', 'b', 'l', 'w', 'a', 'none']) {
			await noMarker(s);
			await promote(s, id);
		}
	});

	act('promote all', async (c) => {
		for (const [id, delay, opts] of [['a', 1000], ['b', 500],
			['c', 2000, { priority: 2 }], ['d', 9000, { lifo: true }]])
			await c.add(id, { delay, ...opts });
	}, async (s) => {
		await noMarker(s);
		await promoteAll(s, 3);
		await promoteAll(s);
	});

	act('promote in a paused queue', async (c) => {
		await c.add('w');
		await c.add('a', { delay: 1000 });
		await c.add('b', { delay: 1000, priority: 1 });
		await c.queue.pause();
	}, async (s) => {
		await promote(s, 'a');
		await promoteAll(s);
	});

	// ---- changing one ----

	act('data, progress, log', async (c) => {
		await c.add('a');
	}, async (s) => {
		const job = await s.queue.getJob('a');
		const none = new Job(s.queue, 'n', {}, {}, 'none');
		for (const [each, id] of [[job, 'a'], [none, 'none']]) {
			await same(s, `data of ${id}`,
				() => code(each.updateData({ x: [1] }), 0),
				() => number(s, 'data', { id, data: '{"x":[1]}' }));
			for (const progress of [40, { a: 'b' }, 'half'])
				await same(s, `progress of ${id}`,
					() => code(each.updateProgress(progress), 0),
					() => number(s, 'progress', { id,
						progress: JSON.stringify(progress) }));
			for (const [row, keep] of [['one'], ['two'], ['three', 2],
				['four', 9], ['five', 2]])
				await same(s, `log of ${id}`,
					() => code(Job.addJobLog(s.queue, id, row, keep)),
					() => number(s, 'log', { id, row, keep }));
			await same(s, `read log of ${id}`,
				() => s.queue.getJobLogs(id, 0, -1), async () => {
					const { rows, total } = await s.peer.do('readLog',
						{ id, first: 0, last: -1 });
					return { logs: rows, count: total };
				});
			for (const keep of [1, undefined])
				await same(s, `clear log of ${id}`,
					() => each.clearLogs(keep).then(() => 0),
					() => number(s, 'clearLog', { id, keep }));
		}
	});

	act('delay', async (c) => {
		await c.add('a', { delay: 5000 });
		await c.add('b', { delay: 7000 });
		await c.add('w');
		await c.redis.del(key('marker'));
		c.s.clock += 100;
	}, async (s) => {
		const delay = (id, ms) => same(s, `delay ${id}`, async () => {
			const job = await s.queue.getJob(id) ??
				new Job(s.queue, 'n', {}, {}, id);
			return await code(job.changeDelay(ms), 0);
		}, () => number(s, 'delay', { id, delay: ms }));
		await delay('b', 4900);
		await delay('b', 1000);
		await delay('b', 0);
		await delay('w', 1000);
		await delay('none', 1000);
		await pause(s);
		await delay('a', 50);
	});

	act('priority', async (c) => {
		for (const id of ['a', 'b', 'act'])
			await c.add(id);
		await c.take('act');
		await c.add('d', { delay: 500 });
	}, async (s) => {
		const priority = async (id, wanted, lifo) => {
			await noMarker(s);
			await same(s, `priority ${wanted} of ${id}`, async () => {
				const job = await s.queue.getJob(id) ??
					new Job(s.queue, 'n', {}, {}, id);
				return await code(
					job.changePriority({ priority: wanted, lifo }), 0);
			}, () => number(s, 'priority', { id, priority: wanted, lifo }));
		};
		for (const [wanted, lifo] of [[5], [5, true], [2], [0], [0],
			[0, true], [3, true], [0, true]])
			await priority('a', wanted, lifo);
		await priority('act', 7);
		await priority('d', 7);
		await priority('none', 7);
		await pause(s);
		await priority('b', 1);
		await priority('b', 0);
		await priority('a', 0, true);
	});

	act('deduplication ids', async (c) => {
		await c.add('a', { deduplication: { id: 'x' } });
		await c.redis.hset(key('dn:x'), 'name', 'n');
	}, async (s) => {
		const job = await s.queue.getJob('a');
		const owner = () => same(s, 'owner',
			() => s.queue.getDeduplicationJobId('x'), async () =>
				(await s.peer.do('dedupOwner', { dedupId: 'x' })).id ?? null);
		const ofJob = () => same(s, 'free, by the job',
			() => job.removeDeduplicationKey().then(Number),
			() => number(s, 'freeDedup', { dedupId: 'x', id: 'a' }));
		const ofQueue = () => same(s, 'free',
			() => s.queue.removeDeduplicationKey('x'),
			() => number(s, 'freeDedup', { dedupId: 'x' }));
		await owner();
		await ofJob();
		await ofJob();
		await owner();
		await s.both('another owner',
			(redis) => redis.set(key('de:x'), 'somebody'));
		await ofJob();
		await ofQueue();
		await ofQueue();
	});

	// ---- looking ----

	act('looking', async (c) => {
		await c.add('p1', { priority: 1 });
		await c.add('p1b', { priority: 1 });
		await c.add('p7', { priority: 7 });
		await c.add('w');
		await c.add('f');
		await c.complete('w', [1, 'two']);
		await c.fail('f');
		await c.add('w2');
		await c.add('d', { delay: 5 });
		await c.flow(TREE);
		await c.take('c1');
	}, async (s) => {
		const priorities = () => same(s, 'counts per priority',
			() => s.queue.getCountsPerPriority([0, 1, 7, 9]), async () => {
				const { counts } = await s.peer.do('priorities',
					{ priorities: [0, 1, 7, 9] });
				return Object.fromEntries([0, 1, 7, 9].map((p, i) =>
					[p, counts[i].n]));
			});
		await priorities();
		for (const id of ['p1', 'w', 'f', 'w2', 'd', 'p', 'c1', 'none']) {
			await same(s, `state of ${id}`, () => s.queue.getJobState(id),
				async () => {
					const { state } = await s.peer.do('state', { id });
					return state === 'wait' ? 'waiting' : state;
				});
			await same(s, `end of ${id}`, async () => {
				const [end, value] = await backend(s).isFinished(id, true);
				return end > 0 ? [end, value] : [end];
			}, async () => {
				const { end, value } = await s.peer.do('end', { id });
				return end > 0 ? [end, value] : [end];
			});
		}
		await pause(s);
		await priorities();
	});
});
