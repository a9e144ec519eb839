// Bull Board on a queue that hooksync-worker works: what it shows is what
// `hooksync stats` shows, and every button of it is pressed while jobs run.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, it } from 'node:test';
import { FlowProducer, Queue } from 'bullmq';
import { DurableRedis, hooksync, ourWorker, Sink } from './fleet.mjs';
import { until } from './stage.mjs';

const require = createRequire(import.meta.url);
const { createBullBoard } = require('@bull-board/api');
const { BullMQAdapter } = require('@bull-board/api/bullMQAdapter');
const { appRoutes } = require('@bull-board/api/dist/routes.js');
const { ExpressAdapter } = require('@bull-board/express');
const express = createRequire(require.resolve('@bull-board/express'))(
	'express');

const QUEUE = 'board';
const HOUR = 3600000;

describe('Bull Board beside hooksync-worker', () => {
	const pressed = new Set();
	let redis, client, sink, queue, worker, board, url;
	let n = 0;

	before(async () => {
		redis = await DurableRedis.start();
		client = redis.client();
		sink = await Sink.open();
		queue = new Queue(QUEUE, { connection: redis.connection() });
		await queue.waitUntilReady();
		worker = ourWorker({ queue: QUEUE, redis, sink, settings: {
			queue: 'metrics = 60;',
			worker: 'name = "hooksync-1"; drain_delay = "200ms";' } });
		const adapter = new ExpressAdapter();
		createBullBoard({ queues: [new BullMQAdapter(queue)],
			serverAdapter: adapter });
		const app = express();
		app.use('/', adapter.getRouter());
		await new Promise((resolve) => {
			board = app.listen(0, '127.0.0.1', resolve);
		});
		url = `http://127.0.0.1:${board.address().port}`;
	});
	after(async () => {
		await worker?.stop();
		board?.closeAllConnections();
		board?.close();
		await queue?.close();
		await sink?.close();
		await redis?.stop();
	});

	async function ask(method, path, body) {
		const answer = await fetch(`${url}/api/queues${path}`, { method,
			headers: { 'Content-Type': 'application/json' },
			...(body && { body: JSON.stringify(body) }) });
		const text = await answer.text();
		assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
		return text ? JSON.parse(text) : {};
	}

	const get = (path) => ask('GET', path);

	// A button: its route as Bull Board writes it, and what stands for the
	// names in it.
	async function press(method, route, names = {}, body = undefined) {
		pressed.add(`${method} /api/queues${route}`);
		const path = route.replace(/:(\w+)/g,
			(_, name) => encodeURIComponent({ queueName: QUEUE,
				...names }[name]));
		return await ask(method.toUpperCase(), path, body);
	}

	const add = (opts = {}, id = `b-${++n}`) => queue.add('job', { n: id },
		{ jobId: id, ...opts });
	const state = async (id) => (await queue.getJob(id))?.getState();
	const comesTo = (id, wanted) => until(async () =>
		await state(id) === wanted, `${id} to be ${wanted}`, 20000);

	async function fails(id) {
		sink.refuses.set(id, Infinity);
		await add({}, id);
		await comesTo(id, 'failed');
		sink.refuses.delete(id);
	}

	// Whatever was pressed, the worker goes on.
	async function works() {
		const job = await add();
		await comesTo(job.id, 'completed');
	}

	async function counts() {
		const { queues } = await get('');
		return queues.find(({ name }) => name === QUEUE);
	}

	it('shows what hooksync stats shows', async () => {
		await works();
		await fails('f-1');
		await add({ delay: HOUR }, 'later');
		const shown = (await counts()).counts;
		const stats = JSON.parse(await hooksync(worker.conf, 'stats',
			'--json'));
		const { counts: ours } = stats.find((q) => q.queue === QUEUE);
		for (const [theirs, count] of Object.entries(shown)) {
			const name = theirs === 'waiting' ? 'wait' : theirs;
			assert.equal(ours[name], count, theirs);
		}
		assert.equal(shown.failed, 1);
		assert.equal(shown.delayed, 1);
	});

	it('lists our worker, once, by its name', async () => {
		const { workers } = await get(`/${QUEUE}/workers`);
		assert.deepEqual(workers.map(({ name }) => name), ['hooksync-1']);
	});

	it('shows our metrics', async () => {
		const metrics = await get(`/${QUEUE}/metrics`);
		assert.ok(JSON.stringify(metrics).includes('"count":'),
			JSON.stringify(metrics));
		assert.ok(Number(await client.hget(
			`bull:${QUEUE}:metrics:completed`, 'count')) >= 1);
	});

	it('shows a job of ours, its logs and its failure', async () => {
		const { job } = await get(`/${QUEUE}/f-1`);
		assert.equal(job.id, 'f-1');
		assert.match(job.failedReason, /503/);
		assert.ok(Array.isArray(job.stacktrace ?? job.stacktraces ?? []));
		await get(`/${QUEUE}/f-1/logs`);
	});

	it('pause and resume', async () => {
		await press('put', '/:queueName/pause');
		const job = await add();
		assert.equal((await counts()).isPaused, true);
		await press('put', '/:queueName/resume');
		await comesTo(job.id, 'completed');
		await press('put', '/pause');
		const other = await add();
		await press('put', '/resume');
		await comesTo(other.id, 'completed');
	});

	it('retry one and retry all', async () => {
		await press('put', '/:queueName/:jobId/retry', { jobId: 'f-1' });
		await comesTo('f-1', 'completed');
		for (const id of ['f-2', 'f-3', 'f-4'])
			await fails(id);
		await press('put', '/:queueName/retry/:queueStatus',
			{ queueStatus: 'failed' });
		for (const id of ['f-2', 'f-3', 'f-4'])
			await comesTo(id, 'completed');
	});

	it('promote one and promote all', async () => {
		await press('put', '/:queueName/:jobId/promote', { jobId: 'later' });
		await comesTo('later', 'completed');
		await add({ delay: HOUR }, 'd-1');
		await add({ delay: HOUR }, 'd-2');
		await press('put', '/:queueName/promote');
		await comesTo('d-1', 'completed');
		await comesTo('d-2', 'completed');
	});

	it('change data, delay and priority', async () => {
		await add({ delay: HOUR }, 'c-1');
		await press('patch', '/:queueName/:jobId/update-data',
			{ jobId: 'c-1' }, { jobData: { n: 'changed' } });
		await press('patch', '/:queueName/:jobId/delay', { jobId: 'c-1' },
			{ runAt: Date.now() + 50 });
		await comesTo('c-1', 'completed');
		assert.equal(sink.runs.get('changed'), 1);
		await queue.pause();
		await add({ priority: 5 }, 'c-2');
		await press('patch', '/:queueName/:jobId/priority',
			{ jobId: 'c-2' }, { priority: 0 });
		await queue.resume();
		await comesTo('c-2', 'completed');
	});

	it('add a job, remove a job', async () => {
		const { job } = await press('post', '/:queueName/add', {},
			{ name: 'job', data: { n: 'added' },
				options: { jobId: 'added' } });
		assert.equal(job.id, 'added');
		await comesTo('added', 'completed');
		await press('put', '/:queueName/:jobId/clean', { jobId: 'added' });
		assert.equal(await queue.getJob('added'), undefined);
		await works();
	});

	it('concurrency and rate limit', async () => {
		await press('put', '/:queueName/concurrency', {}, { concurrency: 1 });
		await works();
		await press('put', '/:queueName/rate-limit', {},
			{ max: 1, duration: 1000 });
		for (const id of ['r-1', 'r-2', 'r-3'])
			await add({}, id);
		await comesTo('r-3', 'completed');
		const ends = await Promise.all(['r-1', 'r-3'].map(async (id) =>
			(await queue.getJob(id)).finishedOn));
		assert.ok(ends[1] - ends[0] >= 1000, `${ends}: one a second`);
		await press('put', '/:queueName/rate-limit', {}, { max: null });
		await press('put', '/:queueName/rate-limit/release');
		await queue.removeGlobalConcurrency();
		await works();
	});

	it('schedulers: edit, run, remove', async () => {
		await queue.upsertJobScheduler('s-1', { every: HOUR },
			{ name: 'job', data: { n: 'tick' } });
		await press('patch', '/:queueName/job-schedulers/:schedulerId',
			{ schedulerId: 's-1' }, { every: 1000 });
		await until(() => (sink.runs.get('tick') ?? 0) >= 4,
			'four ticks of the scheduler', 30000);
		await press('put', '/:queueName/job-schedulers/:schedulerId/run',
			{ schedulerId: 's-1' });
		await press('put', '/:queueName/job-schedulers/:schedulerId/remove',
			{ schedulerId: 's-1' });
		assert.equal(await queue.getJobSchedulersCount(), 0);
		await works();
	});

	it('a flow: its tree, and the children not processed', async () => {
		const flow = new FlowProducer({ connection: redis.connection() });
		await flow.add({ name: 'job', queueName: QUEUE, data: { n: 'p' },
			opts: { jobId: 'p' }, children: [{ name: 'job',
				queueName: QUEUE, data: { n: 'k' },
				opts: { jobId: 'k', delay: HOUR } }] });
		await get(`/${QUEUE}/p/flow`);
		await press('put', '/:queueName/:jobId/remove-unprocessed-children',
			{ jobId: 'p' });
		assert.equal(await queue.getJob('k'), undefined);
		await flow.close();
		await works();
	});

	it('clean, empty and obliterate', async () => {
		await press('put', '/:queueName/clean/:queueStatus',
			{ queueStatus: 'completed' });
		await works();
		await queue.pause();
		await add();
		await press('put', '/:queueName/empty');
		assert.equal(await queue.getWaitingCount(), 0);
		await press('put', '/:queueName/obliterate', {}, { force: true });
		assert.equal(await client.exists(`bull:${QUEUE}:meta`), 0);
		await works();
	});

	it('every button there is was pressed', () => {
		const buttons = appRoutes.api
			.filter(({ method }) => method !== 'get')
			.flatMap(({ method, route }) =>
				[route].flat().map((path) => `${method} ${path}`));
		assert.deepEqual([...pressed].sort(), buttons.sort());
	});
});
