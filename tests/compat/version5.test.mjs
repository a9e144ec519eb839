// BullMQ 5 on the queue with us. It keeps waiting jobs in another list while
// the queue is paused, and its resume drops what it does not find there.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { Queue, QueueEvents, Worker } from 'bullmq5';
import { Peer, PREFIX, Server, until } from './stage.mjs';

const QUEUE = 'hooks';
const TOKEN = 'ours';
const BASE = `${PREFIX}:${QUEUE}`;

describe('together with BullMQ 5', () => {
	let server, redis, queue, peer;

	before(async () => { server = await Server.start(); });
	after(() => server.stop());
	beforeEach(async () => {
		redis = server.redis();
		await redis.flushall();
		queue = new Queue(QUEUE,
			{ connection: server.connection(), prefix: PREFIX });
		await until(() => redis.hexists(`${BASE}:meta`, 'version'),
			'the settings of the queue');
		peer = new Peer(server, QUEUE);
	});
	afterEach(async () => {
		await queue.close();
		assert.equal(await peer.stop(), 0);
	});

	const add = (id) => peer.add({ id, name: 'n', data: '{}' });
	const list = (name) => redis.lrange(`${BASE}:${name}`, 0, -1);

	it('each processes what the other added', async () => {
		const events = new QueueEvents(QUEUE, { prefix: PREFIX,
			connection: server.connection(), lastEventId: '0-0' });
		const job = await queue.add('n', { a: 1 }, { jobId: 'theirs' });
		const { jobs } = await peer.do('take', { token: TOKEN });
		assert.equal(jobs[0].id, 'theirs');
		const finished = job.waitUntilFinished(events, 10000);
		assert.equal(await peer.finish(TOKEN, { id: 'theirs',
			kind: 'completed', value: '[1]' }), 0);
		assert.deepEqual(await finished, [1]);
		await add('ours');
		const worker = new Worker(QUEUE, async () => ({ ok: 1 }),
			{ connection: server.connection(), prefix: PREFIX });
		const ours = await queue.getJob('ours');
		assert.deepEqual(await ours.waitUntilFinished(events, 10000),
			{ ok: 1 });
		await worker.close();
		await events.close();
	});

	it('its pause and resume lose none of our jobs', async () => {
		await add('before');
		await queue.add('n', {}, { jobId: 'theirs' });
		await queue.pause();
		await add('meanwhile');
		assert.deepEqual((await peer.do('take', { token: TOKEN })).jobs, []);
		assert.deepEqual(await list('wait'), []);
		assert.deepEqual(await list('paused'),
			['meanwhile', 'theirs', 'before']);
		await queue.resume();
		const { jobs } = await peer.do('take', { token: TOKEN, n: 8 });
		assert.deepEqual(jobs.map((job) => job.id),
			['before', 'theirs', 'meanwhile']);
	});

	it('the same for a queue that was empty', async () => {
		await queue.pause();
		await add('a');
		await add('b');
		await queue.resume();
		const { jobs } = await peer.do('take', { token: TOKEN, n: 8 });
		assert.deepEqual(jobs.map((job) => job.id), ['a', 'b']);
	});

	it('what leaves active while paused survives the resume', async () => {
		for (const id of ['back', 'again', 'stalls', 'waits'])
			await peer.add({ id, name: 'n', data: '{}', attempts: 2 });
		await peer.do('take', { token: TOKEN, n: 3 });
		await peer.do('stalled', { max: 5 });
		await redis.del(`${BASE}:stalled-check`, `${BASE}:stalls:lock`);
		await queue.pause();
		await peer.do('finish', { token: TOKEN, items: [
			{ id: 'back', kind: 'giveBack' },
			{ id: 'again', kind: 'error', value: 'no', stack: 'no' },
		] });
		await peer.do('stalled', { max: 5 });
		assert.deepEqual(await list('wait'), []);
		assert.deepEqual(await list('active'), []);
		await queue.resume();
		const { jobs } = await peer.do('take', { token: TOKEN, n: 8 });
		assert.deepEqual(jobs.map((job) => job.id).sort(),
			['again', 'back', 'stalls', 'waits']);
	});
});
