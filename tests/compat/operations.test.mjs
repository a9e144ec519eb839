// Stories told by BullMQ and by us, step by step the same (both.mjs).

import assert from 'node:assert/strict';
import { FlowProducer, Queue, QUEUE, START, stories, TOKEN }
	from './both.mjs';
import { PREFIX } from './stage.mjs';

stories('step by step like BullMQ', (story) => {
	story('adds of every kind', async (s) => {
		await s.add('crm.contact.updated', { id: 7, email: 'a@b.c' },
			{ timestamp: START });
		await s.add('plain', { slash: 'a/b', list: [], none: null });
		await s.add('', 'just text');
		await s.add('with id', {}, { jobId: 'evt-1' });
		await s.add('with id', { other: 1 }, { jobId: 'evt-1' });
		await s.add('retrying', {}, { attempts: 3,
			backoff: { type: 'exponential', delay: 2000 } });
		await s.add('fixed', {}, { attempts: 3,
			backoff: { type: 'fixed', delay: 10 } });
		await s.add('late', {}, { delay: 5000 });
		await s.add('late, same ms', {}, { delay: 5000 });
		await s.add('late, with id', {}, { delay: 100, jobId: 'evt-2' });
		await s.add('late, from then', {},
			{ delay: 100, timestamp: START - 50 });
		await s.add('urgent', {}, { priority: 1 });
		await s.add('less urgent', {}, { priority: 2097151 });
		await s.add('urgent too', {}, { priority: 1, lifo: true });
		await s.add('next', {}, { lifo: true });
		await s.add('late and urgent', {}, { delay: 10, priority: 3 });
	});

	story('take and complete', async (s) => {
		await s.take(undefined);
		await s.add('a', { n: 1 });
		await s.add('b', { n: 2 });
		await s.take('1');
		await s.take('2');
		await s.take(undefined);
		s.clock += 5;
		await s.complete('1');
		await s.complete('2', null);
		await s.take(undefined);
	});

	story('what may end a job', async (s) => {
		for (const value of [null, 0, 'text', [], {}, [{}], 'a/b "é"']) {
			const id = `evt-${JSON.stringify(value).length}-${s.clock}`;
			await s.add('a', {}, { jobId: id });
			await s.take(id);
			s.clock += 1;
			await s.complete(id, value);
		}
	});

	story('prioritized after waiting, delayed when due', async (s) => {
		await s.add('urgent', {}, { priority: 2 });
		await s.add('more urgent', {}, { priority: 1 });
		await s.add('late', {}, { delay: 1000 });
		await s.add('late, same ms', {}, { delay: 1000 });
		await s.add('late, prioritized', {}, { delay: 999, priority: 9 });
		await s.add('plain', {});
		await s.take('6');
		await s.take('2');
		await s.take('1');
		await s.take(undefined);
		s.clock += 999;
		await s.take('5');
		s.clock += 1;
		await s.take('3');
		await s.take('4');
		await s.take(undefined);
	});

	story('fail with retries, then for good', async (s) => {
		await s.add('a', {}, { attempts: 3, jobId: 'evt-1',
			backoff: { type: 'exponential', delay: 2000 } });
		await s.take('evt-1');
		s.clock += 3;
		await s.fail('evt-1');
		await s.take(undefined);
		s.clock += 2000;
		await s.take('evt-1');
		await s.fail('evt-1');
		s.clock += 4000;
		await s.take('evt-1');
		await s.fail('evt-1', 'the third');
		await s.take(undefined);
	});

	story('retry at once', async (s) => {
		await s.add('a', {}, { attempts: 2 });
		await s.add('b', {}, { attempts: 2, priority: 4 });
		await s.add('c', {}, { attempts: 2, lifo: true });
		await s.take('3');
		await s.take('1');
		await s.fail('3');
		await s.fail('1');
		await s.take('3');
		await s.take('1');
		await s.take('2');
		await s.fail('2');
		await s.take('2');
	});

	story('what cannot be finished', async (s) => {
		const refused = (id, code, kind = 'completed') =>
			s.step(`${kind} of ${id} is refused with ${code}`, async () => {
				const job = s.jobs[id];
				await assert.rejects(kind === 'completed' ?
					job.moveToCompleted(1, TOKEN, false) :
					job.moveToFailed(new Error('no'), TOKEN, false),
				(err) => err.code === code || code === -9);
			}, async () => assert.equal(await s.peer.finish(TOKEN,
				{ id, kind, value: '1', stack: 'no' },
				{ now: s.clock }), code));
		const key = (id, suffix) => `${PREFIX}:${QUEUE}:${id}${suffix}`;
		for (const id of ['a', 'b', 'c'])
			await s.add('n', {}, { jobId: id });
		await s.take('a');
		await s.take('b');
		await s.take('c');
		await s.expire('a');
		await refused('a', -2);
		await refused('a', -2, 'failed');
		await s.both('another lock', (redis) =>
			redis.set(key('a', ':lock'), 'theirs', 'PX', 9000));
		await refused('a', -6);
		await refused('a', -6, 'failed');
		await s.both('children', (redis) =>
			redis.sadd(key('b', ':dependencies'), 'bull:x:1'));
		await refused('b', -4);
		await s.both('failed children', (redis) => redis.multi()
			.del(key('b', ':dependencies'))
			.zadd(key('b', ':unsuccessful'), 1, 'bull:x:1').exec());
		await refused('b', -9);
		await s.both('not active', (redis) => redis.del(
			`${PREFIX}:${QUEUE}:active`));
		await refused('c', -3);
		await s.both('removed', (redis) => redis.del(key('c', '')));
		await refused('c', -1);
		await refused('c', -1, 'failed');
	});

	story('fail without attempts', async (s) => {
		await s.add('a', {});
		await s.take('1');
		await s.fail('1');
	});

	story('stacktraces have a limit', async (s) => {
		for (const limit of [0, 1, 2]) {
			const jobId = `evt-${limit}`;
			await s.step('add', () => s.queue.add('a', {}, { jobId,
				attempts: 4, stackTraceLimit: limit,
				timestamp: START }),
			async () => {
				await s.peer.add({ id: jobId, name: 'a', data: '{}',
					attempts: 4, timestamp: START }, { now: s.clock });
				await s.redisOurs.hset(`${PREFIX}:${QUEUE}:${jobId}`,
					'opts', JSON.stringify({ jobId, attempts: 4,
						stackTraceLimit: limit,
						timestamp: START }));
			});
			for (let i = 0; i < 4; i++) {
				await s.take(jobId);
				await s.fail(jobId);
			}
		}
	});

	story('stalled once, then once too often', async (s) => {
		await s.add('a', {});
		await s.add('b', {}, { priority: 3 });
		await s.take('1');
		await s.take('2');
		await s.stalled();
		await s.stalled();
		await s.expire('1');
		await s.expire('2');
		await s.stalled();
		await s.take('2');
		await s.take('1');
		await s.stalled();
		await s.expire('1');
		await s.stalled();
		await s.take('1');
		await s.fail('1', 'job stalled more than allowable limit');
	});

	story('given back', async (s) => {
		await s.add('a', {});
		await s.add('b', {});
		await s.add('c', {}, { priority: 5 });
		const giveBack = (id) => s.step(`give ${id} back`,
			() => s.jobs[id].moveToWait(TOKEN),
			async () => assert.equal(await s.peer.finish(TOKEN,
				{ id, kind: 'giveBack' }, { now: s.clock }), 0));
		await s.take('1');
		await giveBack('1');
		await s.take('1');
		await s.take('2');
		await s.take('3');
		await giveBack('3');
		await s.take('3');
	});

	story('postponed', async (s) => {
		await s.add('a', {}, { attempts: 2 });
		await s.take('1');
		await s.step('postpone',
			() => s.jobs['1'].moveToDelayed(s.clock + 700, TOKEN),
			async () => assert.equal(await s.peer.finish(TOKEN,
				{ id: '1', kind: 'postpone', delay: 700 },
				{ now: s.clock }), 0));
		s.clock += 700;
		await s.take('1');
		await s.complete('1');
	});

	story('retried by hand', async (s) => {
		const retry = (id, from) => s.step(`retry ${id}`,
			async () => {
				const job = await s.queue.getJob(id);
				await job.retry(from, { resetAttemptsMade: true,
					resetAttemptsStarted: true });
			},
			() => s.peer.do('retry', { id, from, now: s.clock }));
		await s.add('a', {});
		await s.add('b', {}, { priority: 2 });
		await s.add('c', {}, { lifo: true });
		await s.take('3');
		await s.take('1');
		await s.take('2');
		await s.fail('1');
		await s.fail('2');
		await s.fail('3');
		await retry('1', 'failed');
		await retry('2', 'failed');
		await retry('3', 'failed');
		await s.take('3');
		await s.take('1');
		await s.complete('1');
		await retry('1', 'completed');
		// BullMQ 5 forgets that '2' was prioritized
		await s.take(s.level === 5 ? '2' : '1');
	});

	story('removeOnComplete and removeOnFail in every form', async (s) => {
		const rules = [true, false, 1, 2, { count: 1 }, { age: 1 },
			{ age: 1, count: 2 }, { age: 1, limit: 1 }, { count: 0 }];
		const addWith = async (jobId, opts) => {
			await s.step('add', () => s.queue.add('a', {},
				{ jobId, ...opts }),
			async () => {
				await s.peer.add({ id: jobId, name: 'a', data: '{}' },
					{ now: s.clock });
				await s.redisOurs.hset(`${PREFIX}:${QUEUE}:${jobId}`,
					'opts', JSON.stringify({ jobId, attempts: 0,
						...opts }));
			});
		};
		let n = 0;
		for (const rule of [...rules, ...rules]) {
			s.clock += 400;
			const jobId = `c-${n++}`;
			await addWith(jobId, { removeOnComplete: rule });
			await s.take(jobId);
			await s.complete(jobId);
		}
		for (const rule of [...rules, ...rules]) {
			s.clock += 400;
			const jobId = `f-${n++}`;
			await addWith(jobId, { removeOnFail: rule });
			await s.take(jobId);
			await s.fail(jobId);
		}
	});

	story('paused', async (s) => {
		await s.add('a', {});
		await s.both('pause', (redis) => redis.multi()
			.hset(`${PREFIX}:${QUEUE}:meta`, 'paused', 1)
			.del(`${PREFIX}:${QUEUE}:marker`).exec());
		await s.add('b', {});
		await s.add('c', {}, { priority: 1 });
		await s.add('d', {}, { delay: 10 });
		await s.take(undefined);
		s.clock += 10;
		await s.take(undefined);
	});

	story('global concurrency', async (s) => {
		await s.both('a cap of one', (redis) =>
			redis.hset(`${PREFIX}:${QUEUE}:meta`, 'concurrency', 1));
		await s.add('a', {}, { attempts: 2 });
		await s.add('b', {});
		await s.take('1');
		await s.add('c', {});
		await s.take(undefined);
		await s.fail('1');
		await s.take('2');
		await s.complete('2');
	});

	story('global rate limit', async (s) => {
		await s.both('two a minute', (redis) =>
			redis.hset(`${PREFIX}:${QUEUE}:meta`, 'max', 2,
				'duration', 60000));
		await s.add('a', {});
		await s.add('b', {});
		await s.add('c', {});
		await s.take('1');
		await s.take('2');
		await s.take(undefined);
		await s.complete('1');
		await s.take(undefined);
		s.clock += 60001;
		await s.both('time passes', (redis) =>
			redis.del(`${PREFIX}:${QUEUE}:limiter`));
		await s.take('3');
	});

	story('deduplicated jobs of Node end with us', async (s) => {
		const dedup = async (id, deduplication, n) => {
			for (const db of [1, 2]) {
				const queue = db === 1 ? s.queue : s.second;
				await queue.add('a', { n }, { deduplication });
			}
		};
		s.second = new Queue(QUEUE, { prefix: PREFIX,
			connection: s.server.connection(2), skipMetasUpdate: true });
		try {
			await dedup('', { id: 'one' }, 1);
			await dedup('', { id: 'one' }, 2);
			await dedup('', { id: 'two', ttl: 60000 }, 3);
			await dedup('', { id: 'three', keepLastIfActive: true }, 4);
			await s.take('1');
			await s.take('3');
			await s.take('4');
			await dedup('', { id: 'three', keepLastIfActive: true }, 5);
			await dedup('', { id: 'three', keepLastIfActive: true }, 6);
			await s.complete('1');
			await s.fail('3');
			await s.complete('4');
			await s.take('6');
			await s.complete('6');
		} finally {
			await s.second.close();
		}
	});

	for (const flag of ['none', 'failParentOnFailure',
		'continueParentOnFailure', 'ignoreDependencyOnFailure',
		'removeDependencyOnFailure']) {
		for (const removes of [false, true]) {
			story(`a flow: ${flag}${removes ? ', removed' : ''}`, async (s) => {
				const tree = {
					name: 'parent', queueName: 'parents', data: {},
					opts: { jobId: 'parent' },
					children: ['one', 'two'].map((jobId) => ({
						name: 'child', queueName: QUEUE, data: {},
						opts: { jobId, removeOnFail: removes,
							...(flag !== 'none' && { [flag]: true }) },
					})),
				};
				for (const db of [1, 2]) {
					const flow = new FlowProducer({ prefix: PREFIX,
						connection: s.server.connection(db) });
					await flow.add(tree);
					await flow.close();
				}
				await s.both('nothing', () => {});
				const order = (await s.redisNode.lrange(
					`${PREFIX}:${QUEUE}:wait`, 0, -1)).reverse();
				await s.take(order[0]);
				await s.take(order[1]);
				s.clock += 1;
				await s.fail(order[0]);
				await s.complete(order[1], { ok: 1 });
				if (!removes) {
					await s.step('retry the failed child', async () => {
						const job = await s.queue.getJob(order[0]);
						await job.retry('failed', {
							resetAttemptsMade: true,
							resetAttemptsStarted: true });
					}, () => s.peer.do('retry',
						{ id: order[0], from: 'failed', now: s.clock }));
					await s.take(order[0]);
					await s.complete(order[0]);
				}
			});
		}
	}

	story('a flow whose children all complete', async (s) => {
		for (const [id, opts] of [['plain', {}], ['urgent', { priority: 3 }],
			['late', { delay: 50 }]]) {
			for (const db of [1, 2]) {
				const flow = new FlowProducer({ prefix: PREFIX,
					connection: s.server.connection(db) });
				await flow.add({ name: 'parent', queueName: QUEUE,
					data: {}, opts: { jobId: `parent-${id}`, ...opts },
					children: [{ name: 'child', queueName: QUEUE,
						opts: { jobId: `child-${id}` } }] });
				await flow.close();
			}
			await s.take(`child-${id}`);
			await s.complete(`child-${id}`, [1]);
			s.clock += 60;
			await s.take(`parent-${id}`);
			await s.complete(`parent-${id}`);
		}
	});
});
