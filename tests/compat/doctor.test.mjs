// hooksync doctor on queues that BullMQ works on: what its majors do to each
// other, and its dead workers, are put right, and every job runs; a queue that is
// whole is never said to be anything else, however busy it is.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { FlowProducer, Queue, Worker } from 'bullmq';
import { Queue as Queue5, Worker as Worker5 } from 'bullmq5';
import { PREFIX, Server, until } from './stage.mjs';

const QUEUE = 'sync';
const BASE = `${PREFIX}:${QUEUE}`;

describe('the doctor', () => {
	let server, redis, conf, options, open;

	before(async () => {
		server = await Server.start();
		conf = join(server.folder, 'hooksync.conf');
		writeFileSync(conf, `redis = { url = "unix:${server.path}"; };\n`);
	});
	after(() => server.stop());
	beforeEach(async () => {
		redis = server.redis();
		await redis.flushall();
		options = { connection: server.connection(), prefix: PREFIX };
		open = [];
	});
	afterEach(async () => {
		await Promise.all(open.map((one) => one.close()));
	});

	// { code, findings, ... } of one visit; the server of the tests keeps
	// nothing on disk, which is told and is not meant here.
	const visit = (...more) => new Promise((resolve, reject) => {
		execFile(join(process.env.top_builddir, 'hooksync'),
			['-c', conf, 'doctor', '--json', '--queue', QUEUE, ...more],
			(err, stdout, stderr) => {
				if (stderr || (err && typeof err.code !== 'number')) {
					reject(new Error(stderr || err.message));
					return;
				}
				const answer = JSON.parse(stdout);
				answer.findings = answer.findings.filter((finding) =>
					finding.queue === QUEUE);
				answer.troubles = answer.findings.filter((finding) =>
					finding.severity !== 'info');
				resolve(answer);
			});
	});
	const kinds = (answer) =>
		answer.troubles.map((finding) => [finding.kind, finding.n]);
	const repair = () => visit('--repair', '--yes');

	async function queueOf(Class, name = QUEUE) {
		const queue = new Class(name, options);
		open.push(queue);
		await queue.waitUntilReady();
		return queue;
	}

	// Runs what is there; the names of the jobs it has run.
	async function run(n, Class = Worker) {
		const names = [];
		const worker = new Class(QUEUE, async (job) => {
			names.push(job.name);
		}, options);
		await until(() => names.length >= n, `${n} jobs`);
		await worker.close();
		assert.equal(await redis.llen(`${BASE}:wait`), 0);
		return names.sort();
	}

	it('brings back what a resume by version 5 has dropped', async () => {
		const queue6 = await queueOf(Queue);
		await queue6.add('a', {});
		await queue6.add('b', {});
		await queue6.pause();
		await queue6.add('c', {});
		const queue5 = await queueOf(Queue5);
		await queue5.add('d', {});
		assert.deepEqual((await visit()).troubles.map(({ kind }) => kind),
			['pause', 'paused', 'workers']);
		await queue5.resume();
		assert.deepEqual(await redis.lrange(`${BASE}:wait`, 0, -1), ['4']);
		const answer = await visit();
		assert.deepEqual(kinds(answer)[0], ['orphan', 3]);
		assert.deepEqual(answer.findings[0].ids, ['1', '2', '3']);
		assert.equal((await repair()).n_repaired, 3);
		assert.deepEqual(await redis.lrange(`${BASE}:wait`, 0, -1),
			['3', '2', '1', '4']);
		assert.equal((await repair()).n_repaired, 0);
		assert.deepEqual(await run(4), ['a', 'b', 'c', 'd']);
	});

	it('and what came while version 5 had paused', async () => {
		const queue5 = await queueOf(Queue5);
		await queue5.add('a', {});
		await queue5.pause();
		const queue6 = await queueOf(Queue);
		await queue6.add('b', {}, { priority: 2 });
		await queue6.add('c', {});
		await queue5.resume();
		assert.deepEqual(kinds(await visit())[0], ['orphan', 1]);
		await repair();
		assert.deepEqual(await run(3, Worker5), ['a', 'b', 'c']);
	});

	it('gives back what a killed worker had', async () => {
		const queue = await queueOf(Queue);
		const worker = spawn(process.execPath, ['--input-type=module', '-e', `
			import { Worker } from 'bullmq';
			new Worker('${QUEUE}', () => new Promise(() => {}), {
				name: 'node-1', concurrency: 2, lockDuration: 1000,
				connection: { path: '${server.path}',
					maxRetriesPerRequest: null } });`],
		{ stdio: 'ignore' });
		await queue.add('a', {});
		await queue.add('b', {});
		await until(() => queue.getActiveCount().then((n) => n === 2),
			'two active jobs');
		assert.deepEqual((await visit()).troubles, []);
		const ended = new Promise((resolve) => worker.once('exit', resolve));
		worker.kill('SIGKILL');
		await ended;
		await until(async () => !(await redis.exists(`${BASE}:1:lock`,
			`${BASE}:2:lock`)), 'the end of the locks');
		const answer = await visit();
		assert.deepEqual(kinds(answer)[0], ['lockless', 2]);
		assert.match(answer.findings[0].text, /worker node-1/);
		assert.equal((await repair()).n_repaired, 2);
		assert.deepEqual(await run(2), ['a', 'b']);
		assert.equal((await queue.getJob('1')).stalledCounter, 1);
	});

	it('fails by the next worker what was given back too often', async () => {
		const queue = await queueOf(Queue);
		await queue.add('a', {});
		for (let i = 0; i < 2; i++) {
			const worker = new Worker(QUEUE, null, options);
			assert.equal((await worker.getNextJob('dead')).id, '1');
			await worker.close();
			await redis.del(`${BASE}:1:lock`);
			await repair();
		}
		const worker = new Worker(QUEUE, async () => {}, options);
		await until(() => queue.getFailedCount(), 'the failure');
		await worker.close();
		assert.equal((await queue.getJob('1')).failedReason,
			'job stalled more than allowable limit');
	});

	it('frees a deduplication id that version 5 has wedged', async () => {
		const queue = await queueOf(Queue5);
		const add = (name) =>
			queue.add(name, {}, { deduplication: { id: 'one' } });
		const { id } = await add('a');
		await redis.del(`${BASE}:${id}`); // as an eviction does
		assert.equal((await add('b')).id, id);
		assert.deepEqual(kinds(await visit()).slice(0, 2),
			[['ghost', 1], ['dedup', 1]]);
		assert.equal((await repair()).n_repaired, 2);
		assert.notEqual((await add('c')).id, id);
		assert.deepEqual(await run(1), ['c']);
	});

	it('lets a parent run whose child was deleted', async () => {
		const flow = new FlowProducer(options);
		open.push(flow);
		await queueOf(Queue);
		const { job, children } = await flow.add({ name: 'parent',
			queueName: QUEUE, children: [
				{ name: 'child', queueName: QUEUE },
			] });
		await redis.del(`${BASE}:${children[0].job.id}`);
		await redis.zadd(`${BASE}:waiting-children`, 1, job.id);
		assert.deepEqual(kinds(await visit()).slice(0, 2),
			[['ghost', 1], ['parent', 1]]);
		await repair();
		assert.deepEqual(await run(1), ['parent']);
	});

	it('drops what would run as a ghost, and tells', async () => {
		const queue = await queueOf(Queue);
		await queue.add('a', {});
		await redis.rpush(`${BASE}:wait`, '77');
		await repair();
		assert.deepEqual(await run(1), ['a']);
		assert.equal(await redis.exists(`${BASE}:77`), 0);
	});

	it('revives a queue of which a key has become a job', async () => {
		const queue = await queueOf(Queue);
		const first = () => queue.add('first', {}, { priority: 1 });
		await queue.add('a', { kept: 1 }, { jobId: 'pc' });
		await assert.rejects(first(), /WRONGTYPE/);
		assert.deepEqual(kinds(await visit())[0], ['wrongtype', 1]);
		await repair();
		const [aside] = await redis.keys('aside:*');
		assert.equal(await redis.hget(aside, 'data'), '{"kept":1}');
		await first();
		// the one that was refused had its hash already
		assert.deepEqual(await run(2), ['first', 'first']);
	});

	it('tells of a scheduler whose next job was deleted', async () => {
		const queue6 = await queueOf(Queue);
		await queue6.upsertJobScheduler('often', { every: 3600000 });
		await queue6.upsertJobScheduler('daily', { pattern: '0 3 * * *' });
		const queue5 = await queueOf(Queue5);
		await queue5.add('old', {}, { repeat: { every: 3600000 } });
		await queue5.upsertJobScheduler('five', { every: 3600000 });
		const wrong = async () => (await visit()).troubles.filter(
			({ kind }) => kind !== 'workers');
		assert.deepEqual(await wrong(), []);
		const [id] = (await redis.zrange(`${BASE}:delayed`, 0, -1))
			.filter((one) => one.startsWith('repeat:daily:'));
		await redis.del(`${BASE}:${id}`);
		const found = await wrong();
		assert.deepEqual(found.map(({ kind, ids }) => [kind, ids]),
			[['ghost', [id]], ['scheduler', ['daily']]]);
		assert.equal(found[1].is_repairable, false);
		await repair();
		await queue6.upsertJobScheduler('daily', { pattern: '0 3 * * *' });
		assert.deepEqual(await wrong(), []);
	});

	it('repairs while jobs run and are removed: none twice', async () => {
		const queue = await queueOf(Queue);
		const ran = new Map();
		const removed = new Set();
		const worker = new Worker(QUEUE, async (job) => {
			ran.set(job.id, (ran.get(job.id) ?? 0) + 1);
			await new Promise((resolve) => setTimeout(resolve, 2));
		}, { ...options, concurrency: 5 });
		open.unshift(worker);
		const N = 2000;
		const jobs = await queue.addBulk(Array.from({ length: N }, () =>
			({ name: 'n', data: {} })));
		const any = () => jobs[Math.floor(Math.random() * N)].id;
		const remove = async (id) => {
			if (await queue.remove(id) && !ran.has(id))
				removed.add(id);
		};
		for (let i = 0; i < 5; i++) {
			const lost = [];
			for (let k = 0; k < 40; k++) {
				const id = any();
				lost.push(redis.lrem(`${BASE}:wait`, 1, id));
				lost.push(remove(k % 4 === 0 ? id : any()));
			}
			await Promise.all([repair(), ...lost, repair()]);
		}
		await repair();
		await until(() => ran.size + removed.size >= N, 'all jobs', 30000);
		assert.deepEqual([...removed].filter((id) => ran.has(id)), []);
		assert.deepEqual([...ran].filter(([, n]) => n !== 1), []);
	});

	it('finds nothing where all is well, fifty times under load', async () => {
		const queue = await queueOf(Queue);
		const queue5 = await queueOf(Queue5);
		const flow = new FlowProducer(options);
		open.push(flow);
		const work = async (job) => {
			await new Promise((resolve) =>
				setTimeout(resolve, Math.random() * 10));
			if (job.name === 'fails' && job.attemptsMade === 0)
				throw new Error('once');
			return 1;
		};
		const quick = { ...options, concurrency: 10,
			removeOnComplete: { count: 300 } };
		for (const worker of [new Worker(QUEUE, work, quick),
			new Worker(QUEUE, work, quick), new Worker5(QUEUE, work, quick)])
			open.unshift(worker);
		await queue.upsertJobScheduler('often', { every: 50 });
		let isOver = false;
		let n = 0;
		const load = async () => {
			while (!isOver) {
				n++;
				const dedup = { id: `d${n % 7}` };
				await Promise.all([
					queue.add('plain', {}),
					queue5.add('plain', {}),
					queue.add('fails', {}, { attempts: 2,
						backoff: { type: 'fixed', delay: 5 } }),
					queue.add('late', {}, { delay: n % 20 }),
					queue.add('first', {}, { priority: 1 + n % 5 }),
					queue.add('lifo', {}, { lifo: true }),
					queue.add('gone', {}, { removeOnComplete: true }),
					queue.add('one', {}, { deduplication: dedup }),
					queue.add('last', {}, { deduplication:
						{ id: `k${n % 3}`, keepLastIfActive: true } }),
					flow.add({ name: 'parent', queueName: QUEUE, children: [
						{ name: 'plain', queueName: QUEUE },
						{ name: 'late', queueName: QUEUE,
							opts: { delay: 3 } },
					] }),
				]);
			}
		};
		const loads = [load(), load()];
		try {
			for (let i = 0; i < 50; i++)
				assert.deepEqual((await visit()).troubles, [],
					`visit ${i + 1}, after ${n} rounds`);
		} finally {
			isOver = true;
			await Promise.all(loads);
		}
		assert.ok(n > 50, `only ${n} rounds`);
		// a repair that had nothing to do has done nothing
		assert.equal((await repair()).n_repaired, 0);
	});
});
