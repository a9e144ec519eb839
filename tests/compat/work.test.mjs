// A worker's hands on a queue: taking under limits, ending with the next take in
// the same call, giving back, waiting for children, what is counted. Told by
// BullMQ and by us, step by step the same (both.mjs).

import assert from 'node:assert/strict';
import { LEVEL, QUEUE, START, stories, TOKEN, FlowProducer, Worker }
	from './both.mjs';
import { PREFIX } from './stage.mjs';

const LOCK = 30000;
const key = (suffix) => `${PREFIX}:${QUEUE}:${suffix}`;

// A further worker of Node's with settings of its own, and what we say for it.
class Hands {
	static async of(s, { name = 'w1', limiter, points } = {}) {
		const hands = new Hands();
		hands.s = s;
		hands.name = name;
		hands.limiter = limiter;
		hands.points = points;
		hands.worker = new Worker(QUEUE, async () => {}, {
			connection: s.server.connection(1), prefix: PREFIX,
			autorun: false, name, lockDuration: LOCK, limiter,
			...(points && { metrics: { maxDataPoints: points } }),
		});
		hands.worker.on('error', () => {});
		await hands.worker.waitUntilReady();
		return hands;
	}

	close() {
		return this.worker.close();
	}

	async nodeTakes(token) {
		const { worker } = this;
		return LEVEL === 5 ?
			worker.scripts.moveToActive(await worker.client, token,
				this.name) :
			worker.backend.moveToActive(token, this.name);
	}

	// What both answered, and that it means the same.
	same([job, id, limited, due], ours) {
		const [ourJob] = ours.jobs;
		assert.equal(ourJob?.id, job ? id : undefined);
		if (job) {
			const { worker } = this;
			this.s.jobs[id] = worker.createJob(job, id);
			return;
		}
		assert.ok(Math.abs((limited || 0) - ours.limited) < 2000,
			`limited for ${limited}, ours ${ours.limited}`);
		if (!(limited > 0) && !ours.busy)
			assert.equal(ours.due, due || 0);
	}

	request(token, n = 1) {
		return { token, worker: this.name, lockDuration: LOCK, n,
			...(this.limiter && { limit: this.limiter }) };
	}

	// expected: an id, or undefined for none.
	take(expected, token = TOKEN) {
		let node;
		return this.s.step('take', async () => {
			node = await this.nodeTakes(token);
			assert.equal(node[0] ? node[1] : undefined, expected);
		}, async () => {
			this.same(node, await this.s.peer.do('take',
				{ ...this.request(token), now: this.s.clock }));
		});
	}

	// What BullMQ does for one job; what it takes in the same call.
	async nodeEnds({ id, kind, value, delay }, token, takes) {
		const { s } = this;
		const job = s.jobs[id];
		job.queue = this.worker;
		if (LEVEL === 5)
			job.scripts.queue = this.worker;
		else
			job.backend = this.worker.backend;
		switch (kind) {
		case 'completed':
			return job.moveToCompleted(value ?? null, token, takes);
		case 'error':
			return job.moveToFailed(new Error(value ?? 'no luck'), token,
				takes);
		case 'giveBack':
			return job.moveToWait(token);
		default:
			return job.moveToDelayed(s.clock + delay, token);
		}
	}

	ourEnd({ id, kind, value, delay }) {
		return { id, kind, delay,
			value: kind === 'completed' ? JSON.stringify(value ?? null) :
				value ?? 'no luck',
			...(kind === 'error' && { stack: 'at test' }) };
	}

	// Ends a job; `takes`: and takes in the same call.
	end(id, { kind = 'completed', value, takes = false, token = TOKEN, delay,
		expected } = {}) {
		const { s } = this;
		const one = { id, kind, value, delay };
		let node;
		return s.step(`${kind} ${id}`, async () => {
			node = await this.nodeEnds(one, token, takes);
		}, async () => {
			const answer = await s.peer.do('finish', { token,
				items: [this.ourEnd(one)], metrics: this.points,
				...(takes && { next: this.request(token) }),
				now: s.clock });
			assert.equal(answer.results[0].code, 0);
			if (kind === 'giveBack')
				assert.ok(Math.abs(answer.results[0].limited - node) < 2000);
			if (takes) {
				const taken = Array.isArray(node) ? node : [];
				assert.equal(taken[0] ? taken[1] : undefined, expected);
				// beside a delay only a job is worth telling to BullMQ
				if (taken[0] || kind === 'completed')
					this.same(taken, answer.taken);
			}
		});
	}

	// Ends many and takes n: BullMQ one after the other, we in one call. Jobs
	// given back come last, and the last of them first: so they keep their order.
	// Answers the ids taken.
	async endAll(all, n) {
		const { s } = this;
		const ids = [];
		await s.step(`end ${all.map(({ id, kind }) => `${id} ${kind}`)}`,
			async () => {
				const back = all.filter(({ kind }) => kind === 'giveBack');
				const others = all.filter(({ kind }) => kind !== 'giveBack');
				const order = [...others, ...back.reverse()];
				const canFetch = n > 0 && (order.at(-1).kind === 'completed' ||
					order.at(-1).fetches);
				const taken = [];
				for (const [i, one] of order.entries()) {
					const isLast = i === order.length - 1;
					const got = await this.nodeEnds(one, TOKEN,
						isLast && canFetch);
					if (isLast && canFetch)
						taken.push(got ?? []);
				}
				while (taken.length < n &&
					(taken.length === 0 || taken.at(-1)[0]))
					taken.push(await this.nodeTakes(TOKEN));
				for (const [job, id] of taken) {
					if (!job)
						continue;
					ids.push(id);
					s.jobs[id] = this.worker.createJob(job, id);
				}
			}, async () => {
				const answer = await s.peer.do('finish', { token: TOKEN,
					items: all.map((one) => this.ourEnd(one)),
					metrics: this.points, now: s.clock,
					...(n > 0 && { next: this.request(TOKEN, n) }) });
				assert.deepEqual(answer.results.map(({ code }) => code),
					all.map(() => 0));
				assert.deepEqual(
					(answer.taken?.jobs ?? []).map(({ id }) => id), ids);
			});
		return ids;
	}
}

stories('a worker', (story) => {
	const hands = (name, options, tell) => story(name, async (s) => {
		const h = await Hands.of(s, options);
		try {
			await tell(s, h);
		} finally {
			await h.close();
		}
	});
	const limiter = { max: 2, duration: 60000 };

	hands('its own limiter', { limiter }, async (s, h) => {
		for (const id of ['a', 'b', 'c'])
			await s.add(id, {}, { jobId: id });
		await h.take('a');
		await h.take('b');
		await h.take(undefined);
		await s.both('the time is over', (r) => r.del(key('limiter')));
		await h.take('c');
	});

	for (const [meta, what] of [
		[{ max: 1, duration: 50000 }, 'lower'],
		[{ max: 3, duration: 10000 }, 'higher'],
		[{ max: 0, duration: 10000 }, 'none'],
		[{ max: 2 }, 'without a duration'],
	]) {
		for (const limit of [limiter, undefined]) {
			hands(`the queue's limit, ${what}, ${limit ? 'and its own' :
				'alone'}`, { limiter: limit }, async (s, h) => {
				if (!meta.duration && !limit)
					return; // BullMQ's script fails
				await s.both('limit', (r) => r.hset(key('meta'), meta));
				for (const id of ['a', 'b', 'c', 'd'])
					await s.add(id, {}, { jobId: id });
				for (const id of ['a', 'b', 'c', 'd']) {
					const n = await s.redisNode.get(key('limiter'));
					const max = meta.max;
					await h.take(n && Number(n) >= max ? undefined : id);
				}
			});
		}
	}

	hands('a limit set by hand', { limiter }, async (s, h) => {
		await s.add('a', {}, { jobId: 'a' });
		await s.both('limit', (r) => r.set(key('limiter'),
			'9007199254740991', 'PX', 40000));
		await h.take(undefined);
	});

	hands('a job to be failed and the limiter', { limiter }, async (s, h) => {
		await s.add('a', {}, { jobId: 'a' });
		await s.both('defer', (r) => r.hset(key('a'), 'defa', 'no'));
		await h.take('a');
		await s.add('b', {}, { jobId: 'b' });
		await h.take('b');
	});

	hands('end and take', {}, async (s, h) => {
		for (const id of ['a', 'b', 'c'])
			await s.add(id, {}, { jobId: id, attempts: 2 });
		await h.take('a');
		s.clock += 3;
		await h.end('a', { takes: true, expected: 'b' });
		await h.end('b', { kind: 'error' });
		await h.take('c');
		await h.end('c', { takes: true, expected: 'b' });
		await h.end('b', { kind: 'error', takes: true });
	});

	hands('nothing is left: drained', {}, async (s, h) => {
		await s.add('a', {}, { jobId: 'a' });
		await h.take('a');
		await h.end('a', { takes: true });
		await s.add('b', {}, { jobId: 'b' });
		await h.take('b');
		await h.end('b');
	});

	hands('a delayed one is left: not drained, or so', {}, async (s, h) => {
		await s.add('late', {}, { jobId: 'late', delay: 500 });
		await s.add('a', {}, { jobId: 'a' });
		await s.add('b', {}, { jobId: 'b' });
		await h.take('a');
		await h.take('b');
		await h.end('a', { takes: true });
		await h.end('b');
		s.clock += 499;
		await h.take(undefined);
		s.clock += 1;
		await h.take('late');
		await h.end('late', { takes: true });
	});

	hands('end and take what has come due', {}, async (s, h) => {
		await s.add('late', {}, { jobId: 'late', delay: 500 });
		await s.add('urgent', {}, { jobId: 'urgent', delay: 400,
			priority: 2 });
		await s.add('a', {}, { jobId: 'a' });
		await h.take('a');
		s.clock += 600;
		await h.end('a', { takes: true, expected: 'late' });
		await h.end('late', { takes: true, expected: 'urgent' });
	});

	hands('paused meanwhile', {}, async (s, h) => {
		await s.add('a', {}, { jobId: 'a' });
		await h.take('a');
		await s.both('pause', (r) => r.hset(key('meta'), 'paused', 1));
		await h.end('a', { takes: true });
	});

	hands('paused meanwhile, something left', {}, async (s, h) => {
		await s.add('a', {}, { jobId: 'a', attempts: 3,
			backoff: { type: 'fixed', delay: 100 } });
		await h.take('a');
		await s.both('pause', (r) => r.hset(key('meta'), 'paused', 1));
		await h.end('a', { kind: 'error', takes: true });
	});

	hands('limited meanwhile', { limiter: { max: 1, duration: 60000 } },
		async (s, h) => {
			await s.add('a', {}, { jobId: 'a' });
			await h.take('a');
			await h.end('a', { takes: true });
			await s.both('over', (r) => r.del(key('limiter')));
			await s.add('b', {}, { jobId: 'b' });
			await s.add('c', {}, { jobId: 'c' });
			await h.take('b');
			await h.end('b', { takes: true });
		});

	hands('at the global concurrency', {}, async (s, h) => {
		await s.both('concurrency',
			(r) => r.hset(key('meta'), 'concurrency', 2));
		for (const id of ['a', 'b', 'c', 'd'])
			await s.add(id, {}, { jobId: id });
		await h.take('a');
		await h.take('b');
		await h.take(undefined);
		await h.end('a', { takes: true, expected: 'c' });
		await s.both('concurrency',
			(r) => r.hset(key('meta'), 'concurrency', 1));
		await h.end('b', { takes: true });
		await h.end('c', { takes: true, expected: 'd' });
	});

	hands('delay and take', {}, async (s, h) => {
		for (const id of ['a', 'b'])
			await s.add(id, {}, { jobId: id, attempts: 3,
				backoff: { type: 'fixed', delay: 1000 } });
		await h.take('a');
		await h.end('a', { kind: 'error', takes: true, expected: 'b' });
		await h.end('b', { kind: 'error', takes: true });
		s.clock += 1000;
		await h.take('a');
		await h.end('a', { kind: 'error', takes: true, expected: 'b' });
	});

	hands('delay, limited', { limiter: { max: 1, duration: 60000 } },
		async (s, h) => {
			for (const id of ['a', 'b'])
				await s.add(id, {}, { jobId: id, attempts: 3,
					backoff: { type: 'fixed', delay: 1000 } });
			await h.take('a');
			await h.end('a', { kind: 'error', takes: true });
		});

	hands('postponed by hand', {}, async (s, h) => {
		await s.add('a', {}, { jobId: 'a' });
		await h.take('a');
		await h.end('a', { kind: 'postpone', delay: 700 });
		s.clock += 700;
		await h.take('a');
		await h.end('a', { kind: 'postpone', delay: 0 });
		await h.take('a');
	});

	hands('retried at once, others due', {}, async (s, h) => {
		await s.add('late', {}, { jobId: 'late', delay: 10 });
		await s.add('a', {}, { jobId: 'a', attempts: 2 });
		await s.add('b', {}, { jobId: 'b', attempts: 2, lifo: true });
		await s.add('c', {}, { jobId: 'c', attempts: 2, priority: 3 });
		await h.take('b');
		await h.take('a');
		await h.take('c');
		s.clock += 10;
		await h.end('b', { kind: 'error' });
		await h.end('a', { kind: 'error' });
		await h.end('c', { kind: 'error' });
	});

	for (const isPaused of [false, true]) {
		hands(`given back${isPaused ? ', paused' : ''}`, { limiter },
			async (s, h) => {
				for (const id of ['a', 'b'])
					await s.add(id, {}, { jobId: id });
				await s.add('c', {}, { jobId: 'c', priority: 7 });
				await h.take('a');
				await h.take('b');
				await s.both('the time is over',
					(r) => r.del(key('limiter')));
				await h.take('c');
				if (isPaused)
					await s.both('pause',
						(r) => r.hset(key('meta'), 'paused', 1));
				for (const id of ['a', 'b', 'c'])
					await h.end(id, { kind: 'giveBack' });
			});
	}

	hands('token 0', {}, async (s, h) => {
		for (const id of ['a', 'b', 'c'])
			await s.add(id, {}, { jobId: id, attempts: 2 });
		await h.take('a', '0');
		await h.end('a', { kind: 'error', token: '0' });
		await h.take('b');
		await h.end('b', { token: '0' });
		await h.take('c');
		await h.end('c', { kind: 'giveBack', token: '0' });
	});

	hands('metrics', { points: 4 }, async (s, h) => {
		let n = 0;
		const one = async (kind) => {
			const id = `j${n++}`;
			await s.add('a', {}, { jobId: id });
			await h.take(id);
			await h.end(id, { kind });
		};
		for (const minutes of [0, 0, 0.5, 1, 1, 3, 4, 30]) {
			s.clock = START + minutes * 60000;
			await one('completed');
			await one('error');
		}
		s.clock = START;
		await one('completed');
	});

	hands('no metrics', { points: 0 }, async (s, h) => {
		await s.add('a', {}, { jobId: 'a' });
		await h.take('a');
		await h.end('a');
	});

	for (const child of [undefined, 'one', 'two', 'none']) {
		hands(`waiting for ${child ?? 'its children'}`, {}, async (s, h) => {
			const tree = { name: 'parent', queueName: QUEUE,
				opts: { jobId: 'parent', removeOnComplete: true },
				children: ['one', 'two'].map((jobId) => ({ name: 'child',
					queueName: 'children', opts: { jobId } })) };
			for (const db of [1, 2]) {
				const flow = new FlowProducer({ prefix: PREFIX,
					connection: s.server.connection(db) });
				await flow.add(tree);
				await flow.close();
			}
			// as if its children had been added while it ran
			await s.both('activate', async (r) => {
				await r.zrem(key('waiting-children'), 'parent');
				await r.rpush(key('wait'), 'parent');
				await r.zadd(key('marker'), 0, '0');
			});
			await h.take('parent');
			await s.both('one ends', (r) => r.srem(
				key('parent:dependencies'), `${PREFIX}:children:one`));
			let moved;
			await s.step('wait', async () => {
				moved = await s.jobs.parent.moveToWaitingChildren(TOKEN,
					child ? { child: { id: child,
						queue: `${PREFIX}:children` } } : {});
			}, async () => {
				const code = await s.peer.finish(TOKEN, { id: 'parent',
					kind: 'waitChildren',
					value: child ? `${PREFIX}:children:${child}` : '' },
				{ now: s.clock });
				assert.equal(code, moved ? 0 : 1);
			});
			assert.equal(moved, child === undefined || child === 'two');
			if (!moved)
				return;
			await s.both('a child fails', (r) => r.zadd(
				key('parent:unsuccessful'), 1, `${PREFIX}:children:two`));
			await s.both('activate', async (r) => {
				await r.zrem(key('waiting-children'), 'parent');
				await r.rpush(key('wait'), 'parent');
				await r.zadd(key('marker'), 0, '0');
			});
			await h.take('parent');
			await s.step('wait', () => assert.rejects(
				s.jobs.parent.moveToWaitingChildren(TOKEN)),
			async () => {
				assert.equal(await s.peer.finish(TOKEN, { id: 'parent',
					kind: 'waitChildren', value: '' },
				{ now: s.clock }), -9);
			});
		});
	}

	// a delay that BullMQ takes beside
	const fails = { kind: 'error', fetches: true };
	for (const n of [0, 1, 4]) {
		for (const [what, kinds] of Object.entries({
			'completed': ['completed', 'completed', 'completed'],
			'of all kinds': ['giveBack', 'completed', 'error', 'postpone',
				'giveBack'],
			'delayed last': ['completed', fails],
			'completed last': ['postpone', 'error', 'completed'],
			'given back': ['giveBack', 'giveBack', 'giveBack'],
		})) {
			for (const more of [0, 2]) {
				hands(`in one call: ${what}, ${more} more, takes ${n}`,
					{ points: 3 }, async (s, h) => {
						const ends = kinds.map((kind, i) => ({ id: `j${i}`,
							delay: 10 * i, ...(kind.kind ? kind : { kind }) }));
						for (const { id } of ends)
							await s.add('a', {}, { jobId: id, attempts: 2,
								backoff: { type: 'fixed', delay: 40 } });
						for (const { id } of ends)
							await h.take(id);
						for (let i = 0; i < more; i++)
							await s.add('a', {}, { jobId: `m${i}`,
								...(i > 0 && { priority: i }) });
						s.clock += 5;
						const ids = await h.endAll(ends, n);
						s.clock += 100;
						if (ids.length > 0)
							await h.endAll(ids.map((id) => ({ id,
								kind: 'completed' })), n);
					});
			}
		}
	}
});
