// Adding, step by step like BullMQ: every mode of deduplication, children and
// parents, whole flows; then batches of anything against one job at a time.

import assert from 'node:assert/strict';
import { FlowProducer, Job, QUEUE, START, stories, TOKEN } from './both.mjs';
import { rawItem } from './raw.mjs';
import { PREFIX } from './stage.mjs';

const PARENTS = 'parents';
const base = (queue) => `${PREFIX}:${queue}`;

// What BullMQ's add threw, as the number our side answers.
function code(err) {
	if (/Missing key for parent job/.test(err.message))
		return '-5';
	if (/cannot be replaced/.test(err.message))
		return '-7';
	throw err;
}

// Adds on both sides, ours as it was prepared by BullMQ's class; the ids (or
// codes) must agree, too.
function addRaw(s, opts = {}, name = 'n', data = { a: 1 }) {
	let theirs;
	return s.step(`add ${JSON.stringify(opts)}`, async () => {
		theirs = await s.queue.add(name, data, opts)
			.then((job) => job.id, code);
	}, async () => {
		const job = new Job(s.queue, name, data, opts, opts.jobId);
		const { results, ids } = await s.peer.add(rawItem(job),
			{ now: s.clock });
		assert.equal(ids[0] || results[0], theirs);
	});
}

// Adds on both sides, ours with options that we print.
function addPrinted(s, opts = {}) {
	const { jobId, deduplication, parent, ...rest } = opts;
	return s.step(`add ${JSON.stringify(opts)}, printed`,
		() => s.queue.add('n', {}, opts),
		() => s.peer.add({ id: jobId, name: 'n', data: '{}',
			de: deduplication, ...rest }, { now: s.clock }));
}

const shapes = { raw: addRaw, printed: addPrinted };

function take(s) {
	let id;
	return s.step('take', async () => {
		const job = await s.worker.getNextJob(TOKEN, { block: false });
		id = job?.id;
		if (job)
			s.jobs[id] = job;
	}, async () => {
		const { jobs } = await s.peer.do('take', { token: TOKEN,
			worker: 'w1', now: s.clock, lockDuration: 30000 });
		assert.equal(jobs[0]?.id, id);
	}).then(() => id);
}

// The jobs of a tree, parents before their children, one level after the other.
function flattened(s, tree) {
	const items = [];
	let level = [{ node: tree, parent: tree.opts?.parent }];
	while (level.length > 0) {
		const next = [];
		for (const { node, parent } of level) {
			const id = node.opts.jobId;
			const queue = new Proxy(s.queue, { get: (target, key) =>
				(key === 'name' ? node.queueName : target[key]) });
			const job = new Job(queue, node.name, node.data,
				{ ...node.opts, ...(parent && { parent }) }, id);
			const children = node.children ?? [];
			items.push(rawItem(job, { base: base(node.queueName),
				flow: true, children: children.length > 0 }));
			for (const child of children)
				next.push({ node: child, parent:
					{ id, queue: base(node.queueName) } });
		}
		level = next;
	}
	return items;
}

function flow(s, tree) {
	return s.step(`flow ${JSON.stringify(tree)}`, async () => {
		const producer = new FlowProducer({ prefix: PREFIX,
			connection: s.server.connection(1) });
		await producer.add(tree).catch(code);
		await producer.close();
	}, () => s.peer.do('add', { items: flattened(s, tree), now: s.clock }));
}

const node = (queueName, jobId, children, opts = {}) => ({
	name: `n-${jobId}`, queueName, data: {}, opts: { jobId, ...opts },
	...(children && { children }),
});
const parent = (jobId, children, opts) =>
	node(PARENTS, jobId, children, opts);
const child = (jobId, children, opts) => node(QUEUE, jobId, children, opts);
const under = (id, queue = PARENTS) => ({ parent: { id, queue: base(queue) } });

// A job that has completed.
async function done(s, jobId, value = { x: 1 }) {
	await addRaw(s, { jobId });
	assert.equal(await take(s), jobId);
	await s.complete(jobId, value);
}

function known(s, suffix, queue = QUEUE) {
	return `${base(queue)}:${suffix}`;
}

const remove = (s, ...suffixes) => s.both(`DEL ${suffixes}`, (redis) =>
	redis.del(suffixes.map((suffix) => known(s, suffix))));

stories('adding', (story) => {
	story('options are stored as they are', async (s) => {
		await addRaw(s, { jobId: 'p' });
		for (const opts of [
			{ unknown: { deep: [1, 'a/b', true] }, sizeLimit: 1000 },
			{ keepLogs: 3, stackTraceLimit: 2, removeOnFail: { age: 1 } },
			{ removeOnComplete: true, removeOnFail: 5, attempts: 7 },
			{ backoff: { type: 'mine', delay: 5, jitter: 0.5 } },
			{ backoff: 300, attempts: 2 },
			{ telemetry: { metadata: 'trace', omitContext: true } },
			{ delay: 10, priority: 3, lifo: true },
			{ priority: 3, lifo: true },
			{ delay: 10, lifo: true },
			{ lifo: true },
			{ timestamp: START - 500, delay: 700 },
			{ jobId: 'a:b:c' },
			{ failParentOnFailure: true, ...under('p', QUEUE) },
			{ continueParentOnFailure: true, ...under('p', QUEUE) },
			{ ignoreDependencyOnFailure: true, ...under('p', QUEUE) },
			{ removeDependencyOnFailure: true, ...under('p', QUEUE) },
			{ ...under('p', QUEUE), delay: 5 },
			{ ...under('p', QUEUE), priority: 5 },
		])
			await addRaw(s, opts, 'näme', ['ü', null]);
	});

	for (const [shape, add] of Object.entries(shapes)) {
		story(`simple deduplication, ${shape}`, async (s) => {
			const one = { deduplication: { id: 'one' } };
			await add(s, one);
			await add(s, one);
			await add(s, { ...one, jobId: 'x' });
			await add(s, { ...one, delay: 10 });
			await add(s, { deduplication: { id: 'two' }, priority: 2 });
			await add(s, { deduplication: { id: 'two' }, lifo: true });
			await take(s);
			await add(s, one);
			await s.complete('1');
			await add(s, one);
		});

		story(`throttled, ${shape}`, async (s) => {
			const one = { deduplication: { id: 'one', ttl: 50000 } };
			await add(s, one);
			await add(s, one);
			await take(s);
			await s.complete('1');
			await add(s, one);
			await remove(s, 'de:one');
			await add(s, one);
		});

		story(`extended, ${shape}`, async (s) => {
			const one = (ttl) =>
				({ deduplication: { id: 'one', ttl, extend: true } });
			await add(s, one(20000));
			await add(s, one(90000));
			await add(s, { deduplication: { id: 'two', extend: true } });
			await add(s, { deduplication: { id: 'two', extend: true } });
			await remove(s, '1');
			await add(s, one(50000));
		});

		for (const de of [{}, { ttl: 50000 }, { ttl: 50000, extend: true },
			{ keepLastIfActive: true },
			{ keepLastIfActive: true, ttl: 50000, extend: true }]) {
			story(`replaced ${JSON.stringify(de)}, ${shape}`, async (s) => {
				const one = { deduplication: { id: 'one', replace: true,
					...de } };
				await add(s, { ...one, delay: 1000 });
				await add(s, { ...one, delay: 2000 });
				await add(s, { ...one, delay: 2000, jobId: 'mine' });
				await add(s, { ...one, delay: 2000, jobId: 'mine' });
				await add(s, { ...one, priority: 3 });
				await add(s, { ...one, priority: 4 });
				await take(s);
				await add(s, { ...one, delay: 30 });
				await s.complete('5');
				await add(s, one);
				await add(s, { ...one, delay: 40 });
			});
		}

		story(`the last one is kept, ${shape}`, async (s) => {
			const one = (more) => ({ deduplication: { id: 'one',
				keepLastIfActive: true }, ...more });
			await add(s, one());
			await add(s, one());
			await take(s);
			await add(s, one());
			await add(s, one({ priority: 3 }));
			await add(s, one({ jobId: 'mine', delay: 50, lifo: true }));
			s.clock += 7;
			await s.complete('1');
			s.clock += 50;
			assert.equal(await take(s), 'mine');
			await add(s, one({ priority: 4 }));
			await s.fail('mine');
			assert.equal(await take(s), '7');
			await add(s, one({ lifo: true, attempts: 2 }));
			await addRaw(s);
			await s.complete('7');
			const next = await take(s);
			await add(s, one());
			await s.fail(next);
			await add(s, one());
			assert.equal(await take(s), next);
			await s.complete(next);
		});
	}

	story('the last one is kept, whatever time the id had', async (s) => {
		const one = (more) => ({ deduplication: { id: 'one', ...more } });
		await addRaw(s, one({ ttl: 50000 }));
		await take(s);
		await addRaw(s, one({ keepLastIfActive: true }));
		await addRaw(s, one({ keepLastIfActive: true, ttl: 40000 }));
		await addRaw(s, one({}));
		await addRaw(s, one({ ttl: 30000 }));
		await addRaw(s, one({ replace: true }));
		await s.complete('1');
		assert.equal(await take(s), '3');
		await addRaw(s, one({ keepLastIfActive: true, replace: true }));
		await s.complete('3');
	});

	story('the last one is kept while paused', async (s) => {
		const one = { deduplication: { id: 'one', keepLastIfActive: true } };
		await addRaw(s, one);
		await take(s);
		await addRaw(s, one);
		await s.both('pause', (redis) => redis.multi()
			.hset(known(s, 'meta'), 'paused', 1)
			.del(known(s, 'marker')).exec());
		await s.complete('1');
	});

	story('moved in time', async (s) => {
		const one = (more) => ({ deduplication: { id: 'one',
			reschedule: true }, ...more });
		await addRaw(s, { delay: 1000 });
		await addRaw(s, one({ delay: 1000 }));
		await addRaw(s, one({ delay: 1000 }));
		s.clock += 100;
		await addRaw(s, one({ delay: 3000 }));
		await addRaw(s, one({ delay: 10, timestamp: START + 50 }));
		await addRaw(s, one({ priority: 2 }));
		s.clock += 4000;
		await take(s);
		await take(s);
		await addRaw(s, one({ delay: 20 }));
		await addRaw(s, { deduplication: { id: 'two', reschedule: true,
			ttl: 50000, extend: true }, delay: 10 });
		await addRaw(s, { deduplication: { id: 'two', reschedule: true,
			ttl: 90000, extend: true }, delay: 20 });
		await addRaw(s, { deduplication: { id: 'two', reschedule: true,
			replace: true }, delay: 30 });
		await addRaw(s, { deduplication: { id: 'two', reschedule: true,
			keepLastIfActive: true }, delay: 30 });
	});

	story('an id whose owner is gone', async (s) => {
		let n = 0;
		for (const de of [{}, { ttl: 50000 }, { keepLastIfActive: true },
			{ replace: true }, { reschedule: true }, { extend: true },
			{ replace: true, ttl: 50000 }]) {
			for (const more of [{}, { delay: 1000 }]) {
				const id = `one-${++n}`;
				const opts = { deduplication: { id, ...de }, ...more };
				await addRaw(s, { ...opts, jobId: `a-${n}` });
				await s.both('a proto-job', (redis) =>
					redis.hset(known(s, `dn:${id}`), 'name', 'x'));
				await remove(s, `a-${n}`);
				await addRaw(s, { ...opts, jobId: `b-${n}` });
			}
		}
	});

	story('a parent that is not there', async (s) => {
		await addRaw(s, { jobId: 'a', ...under('gone') });
		await addRaw(s, { delay: 5, ...under('gone') });
		await addRaw(s, { priority: 5, ...under('gone') });
		await addRaw(s);
	});

	story('a known job gets a parent', async (s) => {
		await done(s, 'done');
		await addRaw(s, { jobId: 'p' });
		await addRaw(s, { jobId: 'running' });
		assert.equal(await take(s), 'p');
		assert.equal(await take(s), 'running');
		await addRaw(s, { jobId: 'waits' });
		for (const jobId of ['done', 'running', 'waits', 'waits', 'done'])
			await addRaw(s, { jobId, ...under('p', QUEUE),
				failParentOnFailure: true });
		await addRaw(s, { jobId: 'q' });
		for (const jobId of ['done', 'running', 'waits'])
			await addRaw(s, { jobId, ...under('q', QUEUE) });
		await remove(s, 'p');
		for (const jobId of ['done', 'running', 'waits'])
			await addRaw(s, { jobId, ...under('q', QUEUE) });
		await s.complete('running');
	});

	story('the last child had completed before', async (s) => {
		await done(s, 'done');
		for (const [id, opts] of [['plain', {}], ['urgent', { priority: 3 }],
			['late', { delay: 100 }]]) {
			await addRaw(s, { jobId: id, ...opts });
			await s.both('it waits for children', (redis) => redis.multi()
				.lrem(known(s, 'wait'), 1, id)
				.zrem(known(s, 'prioritized'), id)
				.zrem(known(s, 'delayed'), id)
				.zadd(known(s, 'waiting-children'), s.clock, id)
				.hdel(known(s, 'done'), 'parentKey', 'parent').exec());
			s.clock += 10;
			await addRaw(s, { jobId: 'done', ...under(id, QUEUE),
				timestamp: START - 70 });
		}
	});

	story('flows', async (s) => {
		await flow(s, parent('r', [
			child('a', [child('a1', undefined, { lifo: true })]),
			child('b', undefined, { priority: 2,
				failParentOnFailure: true }),
			child('c', undefined, { delay: 1000,
				ignoreDependencyOnFailure: true }),
		]));
		await flow(s, parent('r', [child('a'), child('d')]));
		await flow(s, parent('lone', []));
		await flow(s, parent('late', [child('e')], { delay: 50 }));
		await flow(s, child('m', [child('m1')], under('r')));
		await flow(s, child('m2', [child('m3')], under('gone')));
		while (await take(s) !== undefined)
			s.clock += 1;
		for (const id of Object.keys(s.jobs))
			await s.complete(id).catch((err) =>
				assert.match(err.message, /pending|dependencies/));
	});

	story('flows with children that have completed', async (s) => {
		await done(s, 'a');
		await done(s, 'b', null);
		await flow(s, parent('r', [child('a'), child('b')]));
		await done(s, 'c');
		await flow(s, parent('late', [child('c'), child('d')],
			{ delay: 50 }));
		assert.equal(await take(s), 'd');
		await s.complete('d');
	});

	story('flows of completed children, at once or later', async (s) => {
		for (const id of ['a', 'b', 'c'])
			await done(s, id);
		await flow(s, parent('late', [child('a')], { delay: 50 }));
		await flow(s, parent('urgent', [child('b')], { priority: 5 }));
		await flow(s, child('same', [child('c'), child('new')]));
		await flow(s, child('deep', [
			child('x', [child('a1')]), child('y', [child('a2')])]));
	});

	story('flows on a parent of their own queue', async (s) => {
		for (const id of ['a1', 'b1', 'c'])
			await done(s, id);
		await flow(s, child('r', [child('a', [child('a1')]),
			child('b', [child('b1')]), child('c')]));
	});

	story('flows that want a child of others', async (s) => {
		await done(s, 'a');
		await flow(s, parent('r', [child('z')]));
		await flow(s, parent('s', [child('z')]));
		await flow(s, parent('t', [child('a'), child('z')]));
		await flow(s, parent('u', [child('z'), child('new')]));
		await addRaw(s, { jobId: 'z', ...under('s') });
		await flow(s, parent('s', [child('y')]));
	});

	story('flows under a parent that waits for nothing', async (s) => {
		await done(s, 'a');
		await flow(s, parent('r', [child('z')]));
		await flow(s, parent('s', [child('z')]));
		await flow(s, child('a', [child('c')], under('s')));
		await flow(s, parent('t', [child('z')]));
	});

	story('flows whose child has lost its parent', async (s) => {
		await flow(s, parent('r', [child('a')]));
		await s.both('the parent is removed', (redis) =>
			redis.del(known(s, 'r', PARENTS)));
		await flow(s, parent('s', [child('a')]));
	});

	story('adds and flows while paused', async (s) => {
		await s.both('pause', (redis) => redis.multi()
			.hset(known(s, 'meta'), 'paused', 1)
			.del(known(s, 'marker')).exec());
		await addRaw(s);
		await addRaw(s, { lifo: true });
		await addRaw(s, { priority: 1 });
		await addRaw(s, { delay: 10 });
		await flow(s, parent('r', [child('z')]));
		await flow(s, child('q', [child('y')]));
	});

	story('adds at the concurrency of all', async (s) => {
		await s.both('one', (redis) =>
			redis.hset(known(s, 'meta'), 'concurrency', 1));
		await addRaw(s);
		await take(s);
		await remove(s, 'marker');
		await addRaw(s);
		await addRaw(s, { delay: 10 });
		await addRaw(s, { priority: 10 });
	});
});

// ---- anything ----

function generator(seed) {
	let state = seed;
	return (n) => {
		state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
		return Math.floor(state / 65536) % n;
	};
}

function anyOptions(pick) {
	const opts = {};
	const maybe = (n) => pick(n) === 0;
	if (maybe(3))
		opts.jobId = `id-${pick(4)}`;
	if (maybe(3))
		opts.delay = 10 * pick(4);
	if (maybe(4))
		opts.priority = pick(3);
	if (maybe(5))
		opts.lifo = true;
	if (maybe(6))
		opts.timestamp = START + pick(100);
	if (maybe(4)) {
		opts.parent = { id: `id-${pick(5)}`, queue: base(QUEUE) };
		if (maybe(2))
			opts.ignoreDependencyOnFailure = true;
	} else if (!maybe(3)) {
		const de = { id: `de-${pick(2)}` };
		if (maybe(3))
			de.ttl = 60000 + 10000 * pick(3);
		for (const flag of ['extend', 'replace', 'keepLastIfActive',
			'reschedule']) {
			if (maybe(3))
				de[flag] = true;
		}
		opts.deduplication = de;
	}
	return opts;
}

// A tree of few ids, so that they meet again, in two queues.
function anyTree(pick, depth = 0) {
	const queue = pick(2) ? QUEUE : PARENTS;
	const children = [];
	for (let n = depth < 2 ? pick(3) + (depth === 0) : 0; n > 0; n--)
		children.push(anyTree(pick, depth + 1));
	const opts = {};
	if (pick(4) === 0)
		opts.delay = 10 * pick(3);
	if (pick(4) === 0)
		opts.priority = pick(3);
	/* not failParentOnFailure: taking a parent that must fail is another
	   story */
	if (pick(3) === 0)
		opts[['continueParentOnFailure', 'ignoreDependencyOnFailure',
			'removeDependencyOnFailure'][pick(3)]] = true;
	return node(queue, `id-${pick(12)}`, children, opts);
}

// Somebody deletes a job by hand, and the id that it may hold.
function lose(s, id) {
	return s.both(`${id} is deleted`, (redis) => redis.multi()
		.del(known(s, id), known(s, 'de:de-0'))
		.zrem(known(s, 'completed'), id)
		.zrem(known(s, 'failed'), id).exec());
}

// One of the active jobs ends, if BullMQ can do it.
async function endOne(s, pick) {
	const [id] = await s.redisNode.lrange(known(s, 'active'), 0, 0);
	const exists = (...suffixes) => s.redisNode.exists(
		suffixes.map((suffix) => known(s, `${id}${suffix}`)));
	if (!id || await exists('', ':lock') < 2 ||
		await exists(':dependencies', ':unsuccessful') > 0)
		return;
	await s[pick(3) ? 'complete' : 'fail'](id);
}

stories('adding anything', (story) => {
	for (const seed of [1, 2, 3, 4, 5, 6]) {
		story(`one by one, seed ${seed}`, async (s) => {
			const pick = generator(seed * 7919);
			for (let i = 0; i < 120; i++) {
				s.clock += pick(8);
				switch (pick(8)) {
				case 0:
				case 1:
					await take(s);
					break;
				case 2:
					await endOne(s, pick);
					break;
				case 3:
					if (pick(4) === 0)
						await lose(s, `id-${pick(4)}`);
					break;
				default:
					await addRaw(s, anyOptions(pick));
				}
			}
		});

		story(`flows, seed ${seed}`, async (s) => {
			const pick = generator(seed * 15485863);
			for (let i = 0; i < 60; i++) {
				s.clock += pick(8);
				switch (pick(4)) {
				case 0:
					await take(s);
					break;
				case 1:
					await endOne(s, pick);
					break;
				default:
					await flow(s, anyTree(pick));
				}
			}
		});

		story(`in batches, seed ${seed}`, async (s) => {
			const pick = generator(seed * 104729);
			for (let i = 0; i < 12; i++) {
				s.clock += pick(20);
				const all = Array.from({ length: 1 + pick(12) },
					() => anyOptions(pick));
				const theirs = [];
				await s.step(`a batch ${JSON.stringify(all)}`, async () => {
					for (const opts of all)
						theirs.push(await s.queue.add('n', {}, opts)
							.then((job) => job.id, code));
				}, async () => {
					const items = all.map((opts) => rawItem(
						new Job(s.queue, 'n', {}, opts, opts.jobId)));
					const { results, ids } = await s.peer.do('add',
						{ items, now: s.clock });
					assert.deepEqual(
						ids.map((id, k) => id || results[k]), theirs);
				});
				await take(s);
			}
		});
	}
});
