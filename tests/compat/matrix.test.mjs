// matrix: whoever adds a job and whoever works it, the job ends the same.
// Producers {BullMQ 6, BullMQ 5, ours} x workers {BullMQ 6, BullMQ 5, ours} x
// kinds of job, each pair on a queue of its own, watched by QueueEvents of both
// majors.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import * as six from 'bullmq';
import * as five from 'bullmq5';
import { DurableRedis, nodeWorker, ourWorker, Sink } from './fleet.mjs';
import { Peer, until } from './stage.mjs';

const EVENTS = ['added', 'waiting', 'active', 'delayed', 'completed', 'failed',
	'retries-exhausted', 'deduplicated', 'waiting-children'];
const BACKOFF = { type: 'fixed', delay: 40 };
const EVERY = 300;

// The kinds: what is added, and what the events of the job must be.
const KINDS = {
	plain: { opts: {}, events: ['added', 'waiting', 'active', 'completed'] },
	delayed: { opts: { delay: 150 }, events: ['added', 'delayed', 'waiting',
		'active', 'completed'] },
	prioritized: { opts: { priority: 3 }, events: ['added', 'waiting',
		'active', 'completed'] },
	retried: { opts: { attempts: 3, backoff: BACKOFF }, refusals: 2,
		made: 3, events: ['added', 'waiting', 'active', 'delayed',
			'waiting', 'active', 'delayed', 'waiting', 'active',
			'completed'] },
	exhausted: { opts: { attempts: 2, backoff: BACKOFF }, refusals: 2,
		made: 2, state: 'failed', events: ['added', 'waiting', 'active',
			'delayed', 'waiting', 'active', 'failed',
			'retries-exhausted'] },
};

function nodeProducer(bullmq, redis, name) {
	const connection = redis.connection();
	const queue = new bullmq.Queue(name, { connection });
	const flow = new bullmq.FlowProducer({ connection });
	return {
		start: () => queue.waitUntilReady(),
		add: (id, opts) => queue.add('job', { n: id },
			{ jobId: id, ...opts }),
		flow: (id, child) => flow.add({ name: 'job', queueName: name,
			data: { n: id }, opts: { jobId: id }, children: [{ name: 'job',
				queueName: name, data: { n: child },
				opts: { jobId: child } }] }),
		schedule: (id) => queue.upsertJobScheduler(id, { every: EVERY },
			{ name: 'job', data: { n: id } }),
		unschedule: (id) => queue.removeJobScheduler(id),
		close: async () => {
			await queue.close();
			await flow.close();
		},
	};
}

function ourProducer(redis, name, level) {
	const peer = new Peer(redis, name);
	const item = (id, { deduplication, ...more }) => ({ id, name: 'job',
		data: JSON.stringify({ n: id }), de: deduplication, ...more });
	const add = (...items) => peer.do('add', { items, level: Number(level) });
	return {
		start: () => peer.do('announce'),
		add: (id, opts) => add(item(id, opts)),
		flow: (id, child) => add(
			item(id, { children: true, flow: true }),
			item(child, { flow: true, parent: JSON.stringify({ id,
				queueKey: `bull:${name}` }) })),
		schedule: (id) => peer.do('schedule-upsert', { id, every: EVERY,
			name: 'job', data: JSON.stringify({ n: id }) }),
		unschedule: (id) => peer.do('schedule-remove', { id }),
		close: async () => assert.equal(await peer.stop(), 0),
	};
}

const PRODUCERS = {
	'BullMQ 6': (redis, name) => nodeProducer(six, redis, name),
	'BullMQ 5': (redis, name) => nodeProducer(five, redis, name),
	ours: ourProducer,
};

const WORKERS = {
	'BullMQ 6': (common) => nodeWorker({ ...common, bullmq: 'bullmq' }),
	'BullMQ 5': (common) => nodeWorker({ ...common, bullmq: 'bullmq5' }),
	ours: (common) => ourWorker({ ...common, settings: {
		queue: `bullmq_level = "${common.level}";` } }),
};

let redis, sink;
before(async () => {
	redis = await DurableRedis.start();
	sink = await Sink.open();
});
after(async () => {
	await sink.close();
	await redis.stop();
});

let nPairs = 0;
for (const [by, produce] of Object.entries(PRODUCERS)) {
	for (const [to, work] of Object.entries(WORKERS)) {
		const level = `${by} ${to}`.includes('5') ? '5' : '6';
		const name = `pair-${++nPairs}`;
		describe(`added by ${by}, worked by ${to}`, () => {
			const heard = [[], []];
			let producer, worker, queue, listeners;

			before(async () => {
				producer = produce(redis, name, level);
				await producer.start();
				const connection = redis.connection();
				queue = new six.Queue(name, { connection,
					skipMetasUpdate: true });
				listeners = [six, five].map((bullmq, i) => {
					const events = new bullmq.QueueEvents(name,
						{ connection, lastEventId: '0-0' });
					for (const event of EVENTS)
						events.on(event, (fields) =>
							heard[i].push({ event, ...fields }));
					return events;
				});
				worker = work({ queue: name, redis, sink, level });
			});
			after(async () => {
				await worker?.stop();
				await producer?.close();
				for (const events of listeners ?? [])
					await events.close();
				await queue?.close();
			});

			const eventsOf = (id, i = 0) => heard[i]
				.filter(({ jobId }) => jobId === id)
				.map(({ event }) => event);

			// The job as BullMQ reads it once it has ended.
			async function ended(id, state = 'completed') {
				const job = await queue.getJob(id);
				const end = await job.waitUntilFinished(listeners[0], 20000)
					.then(() => 'completed', (err) => err.message);
				if (state === 'completed')
					assert.equal(end, 'completed', id);
				else
					assert.match(end, /503/, id);
				const last = state === 'completed' ? 'completed'
					: 'retries-exhausted';
				for (const i of [0, 1])
					await until(() => eventsOf(id, i).includes(last),
						`${last} of ${id} as event`);
				assert.deepEqual(eventsOf(id, 1), eventsOf(id, 0));
				return await queue.getJob(id);
			}

			for (const [kind, { opts, events, refusals = 0, made = 1,
				state }] of Object.entries(KINDS)) {
				it(kind, async () => {
					const id = `${name}-${kind}`;
					sink.refuses.set(id, refusals);
					await producer.add(id, opts);
					const job = await ended(id, state);
					assert.deepEqual(eventsOf(id), events);
					assert.equal(await job.getState(),
						state ?? 'completed');
					assert.deepEqual(job.data, { n: id });
					assert.equal(job.name, 'job');
					assert.equal(job.opts.attempts, opts.attempts ?? 0);
					assert.equal(job.attemptsMade, made);
					assert.equal(job.attemptsStarted, made);
					assert.equal(job.stacktrace.length, refusals);
					assert.ok(job.finishedOn >= job.processedOn);
					assert.equal(sink.runs.get(id), made);
				});
			}

			it('deduplicated', async () => {
				const deduplication = { id: 'one' };
				const first = `${name}-first`;
				const second = `${name}-second`;
				await queue.pause();
				await producer.add(first, { deduplication });
				await producer.add(second, { deduplication });
				await queue.resume();
				const job = await ended(first);
				assert.equal(job.deduplicationId, 'one');
				assert.equal(await queue.getJob(second), undefined);
				assert.equal(await queue.getDeduplicationJobId('one'), null);
				assert.deepEqual(heard[0].filter(({ event }) =>
					event === 'deduplicated').map((e) =>
					[e.jobId, e.deduplicatedJobId]), [[first, second]]);
				await producer.add(second, { deduplication });
				await ended(second);
			});

			it('a child and its parent', async () => {
				const parent = `${name}-parent`;
				const child = `${name}-child`;
				await producer.flow(parent, child);
				await ended(child);
				const job = await ended(parent);
				assert.deepEqual(eventsOf(parent), ['added',
					'waiting-children', 'waiting', 'active', 'completed']);
				assert.deepEqual(Object.keys(await job.getChildrenValues()),
					[`bull:${name}:${child}`]);
			});

			it('the ticks of a scheduler', async () => {
				const id = `${name}-tick`;
				await producer.schedule(id);
				await until(() => (sink.runs.get(id) ?? 0) >= 4,
					'four ticks', 20000);
				await producer.unschedule(id);
				const ticks = heard[0].filter(({ event, jobId }) =>
					event === 'added' && jobId.startsWith(`repeat:${id}:`))
					.map(({ jobId }) => Number(jobId.split(':').at(-1)));
				assert.equal(new Set(ticks).size, ticks.length);
				assert.ok(ticks.slice(1).every((t, i) =>
					(t - ticks[i]) % EVERY === 0 || i === 0), `${ticks}`);
			});

			it('nothing is left behind', async () => {
				await until(async () => {
					const counts = await queue.getJobCounts('active',
						'waiting', 'delayed', 'prioritized',
						'waiting-children');
					return Object.values(counts).every((n) => n === 0);
				}, 'an empty queue');
				const client = redis.client();
				assert.deepEqual(await client.keys(`bull:${name}:*:lock`),
					[]);
				assert.deepEqual(await client.keys(`bull:${name}:de:*`), []);
			});
		});
	}
}
