// The three programs and BullMQ in Node on one queue: what a webhook left is a
// job to Node, what Node added is a job to hooksync-worker, and each sees the
// other in events and lists. The stage (Redis, nginx, the programs, the mock)
// is that of the shell stories, tests/lib/stage.sh.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Queue, QueueEvents, Worker } from 'bullmq';
import { quoted, Shell } from './shell.mjs';
import { until } from './stage.mjs';

const JOB = 'crm-identity-webhook';
const OPTS = { attempts: 3, backoff: { type: 'exponential', delay: 200 } };

describe('our programs and Node on one queue', () => {
	let shell;
	let connection;
	let queue;
	let events;
	const seen = [];

	// Posts a signed webhook through nginx.
	async function deliver(id, body) {
		const status = await shell.run(
			`deliver identity ${id} ${quoted(body)}`);
		assert.equal(status, '200');
		return `identity-${id}`;
	}

	const crmPut = (id, object) =>
		shell.run(`crm_put ${id} ${quoted(object)}`);
	const erpGet = async (path) => {
		const { output, status } = await shell.ask(`erp_get ${path}`);
		return status === 0 ? JSON.parse(output) : null;
	};

	const eventsOf = (id) =>
		seen.filter((e) => e.jobId === id).map((e) => e.event);
	const endOf = (id, event) =>
		until(() => eventsOf(id).includes(event), `${event} of ${id}`, 20000);

	before(async () => {
		shell = new Shell();
		for (const line of ['stage_mock', 'stage_conf', 'stage_redis',
			'stage_responder', 'stage_nginx'])
			await shell.run(line);
		connection = { path: await shell.run('echo "$redis_sock"'),
			maxRetriesPerRequest: null };
		queue = new Queue('sync', { connection });
		events = new QueueEvents('sync', { connection });
		await queue.waitUntilReady();
		await events.waitUntilReady();
		for (const event of ['added', 'waiting', 'active', 'completed',
			'failed', 'delayed'])
			events.on(event, ({ jobId }) => seen.push({ event, jobId }));
	});

	after(async () => {
		await events?.close();
		await queue?.close();
		await shell?.end();
	});

	it('Queue.getJobs sees the job of a webhook', async () => {
		await crmPut(1, { fullName: 'Ada', email: 'ada@example.com' });
		const body = { identityId: '1', action: 'created', more: [1.5, null] };
		const id = await deliver('n1', body);
		const jobs = await queue.getJobs(['waiting']);
		assert.equal(jobs.length, 1);
		const [job] = jobs;
		assert.equal(job.id, id);
		assert.equal(job.name, JOB);
		assert.deepEqual(job.data,
			{ identityId: '1', action: 'created', rawPayload: body });
		assert.equal(job.opts.attempts, 3);
		assert.deepEqual(job.opts.backoff,
			{ type: 'exponential', delay: 2000 });
		assert.equal(job.opts.jobId, id);
		assert.equal(await job.getState(), 'waiting');
		assert.ok(Math.abs(Date.now() - job.timestamp) < 60000);
	});

	it('a Node Worker processes it', async () => {
		let got;
		const worker = new Worker('sync', async (job) => {
			got = job;
			return { by: 'node' };
		}, { connection });
		try {
			await endOf('identity-n1', 'completed');
		} finally {
			await worker.close();
		}
		assert.equal(got.data.rawPayload.more[0], 1.5);
		assert.deepEqual(eventsOf('identity-n1'),
			['added', 'waiting', 'active', 'completed']);
		const job = await queue.getJob('identity-n1');
		assert.deepEqual(job.returnvalue, { by: 'node' });
		assert.equal(await job.getState(), 'completed');
	});

	it('Queue.getWorkers lists hooksync-worker', async () => {
		await shell.run('stage_worker');
		const workers = await until(async () => {
			const all = await queue.getWorkers();
			return all.length > 0 && all;
		}, 'a worker');
		assert.equal(workers.length, 1);
		assert.match(workers[0].rawname, /^bull:c3luYw==/);
	});

	it('hooksync-worker syncs a job of queue.add', async () => {
		await crmPut(2, { fullName: 'Grace', email: 'grace@example.com' });
		const { id } = await queue.add(JOB,
			{ identityId: '2', action: 'created' }, OPTS);
		await endOf(id, 'completed');
		assert.deepEqual(eventsOf(id),
			['added', 'waiting', 'active', 'completed']);
		assert.deepEqual(await erpGet('customers/2'),
			{ name: 'Grace', email: 'grace@example.com' });
		const job = await queue.getJob(id);
		assert.equal(await job.getState(), 'completed');
		assert.equal(job.attemptsMade, 1);
		assert.ok(job.finishedOn >= job.processedOn);
	});

	it('an id that is a number in JSON works as well', async () => {
		await crmPut(3, { fullName: 'Mary', email: 'mary@example.com' });
		const { id } = await queue.add(JOB, { identityId: 3 }, OPTS);
		await endOf(id, 'completed');
		assert.equal((await erpGet('customers/3')).name, 'Mary');
	});

	it('a failed job has its reason, and Node can retry it', async () => {
		await crmPut(4, { fullName: 'Joan', email: 'joan@example.com' });
		await shell.run(`mock_script ${quoted({ path: '/erp/customers/4',
			answers: [{ status: 503, times: 3 }] })}`);
		const { id } = await queue.add(JOB, { identityId: '4' }, OPTS);
		await endOf(id, 'failed');
		const job = await queue.getJob(id);
		assert.equal(await job.getState(), 'failed');
		assert.match(job.failedReason, /503/);
		assert.ok(Array.isArray(job.stacktrace));
		assert.equal(job.attemptsMade, 3);
		assert.equal(eventsOf(id).filter((e) => e === 'delayed').length, 2);
		await job.retry();
		await endOf(id, 'completed');
		assert.equal((await erpGet('customers/4')).name, 'Joan');
	});

	it('a job that no route knows fails at once', async () => {
		const { id } = await queue.add('nobody-knows', { x: 1 }, OPTS);
		await endOf(id, 'failed');
		const job = await queue.getJob(id);
		assert.equal(job.attemptsMade, 1);
		assert.match(job.failedReason, /nobody-knows/);
	});

	it('data that would leave their path fail the job', async () => {
		for (const identityId of ['..', '.', '']) {
			const { id } = await queue.add(JOB, { identityId }, OPTS);
			await endOf(id, 'failed');
			assert.equal((await queue.getJob(id)).attemptsMade, 1);
		}
	});

	it('a paused queue rests, and goes on', async () => {
		await crmPut(5, { fullName: 'Emmy', email: 'emmy@example.com' });
		await queue.pause();
		const { id } = await queue.add(JOB, { identityId: '5' }, OPTS);
		await deliver('n5', { identityId: '5', action: 'updated' });
		// one that is not paused would have begun long before this is over
		await shell.run('wait_for 1 false || true');
		assert.deepEqual(eventsOf(id), ['added', 'waiting']);
		await queue.resume();
		await endOf(id, 'completed');
		await endOf('identity-n5', 'completed');
	});

	it('both kinds of workers share a queue, each job once', async () => {
		const runs = new Map();
		const worker = new Worker('sync', async (job) => {
			runs.set(job.id, (runs.get(job.id) ?? 0) + 1);
			await new Promise((resolve) => setTimeout(resolve, 5));
		}, { connection, concurrency: 5 });
		const bulk = [];
		for (let i = 100; i < 200; i++) {
			await crmPut(i, { fullName: `Name ${i}`, email: 'x' });
			bulk.push({ name: JOB, data: { identityId: `${i}` },
				opts: { ...OPTS, jobId: `shared-${i}` } });
		}
		try {
			await queue.addBulk(bulk);
			for (const { opts } of bulk)
				await endOf(opts.jobId, 'completed');
		} finally {
			await worker.close();
		}
		let byNode = 0;
		let byOurs = 0;
		for (const { data, opts } of bulk) {
			const isOurs = await erpGet(`customers/${data.identityId}`);
			byOurs += isOurs ? 1 : 0;
			byNode += runs.get(opts.jobId) ?? 0;
			const job = await queue.getJob(opts.jobId);
			assert.equal(job.attemptsStarted, 1);
		}
		assert.equal(byNode + byOurs, bulk.length);
	});

	it('hooksync-worker ends in order, and leaves the list', async () => {
		await shell.run('stage_stop worker');
		await until(async () => (await queue.getWorkers()).length === 0,
			'the worker to leave');
		const counts = await queue.getJobCounts();
		assert.equal(counts.active, 0);
		assert.equal(counts.waiting, 0);
	});
});
