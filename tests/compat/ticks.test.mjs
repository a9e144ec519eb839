// Job schedulers of Node on a queue that hooksync-worker works on, alone and with
// a Node worker: each time comes once, none is left out, and the scheduler
// goes on through changes, a lost Redis and odd jobs.

import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { Queue } from 'bullmq';
import { DurableRedis, nodeWorker, ourWorker, Sink } from './fleet.mjs';
import { until } from './stage.mjs';

const EVERY = 250;
const SLOW = Number(process.env.HOOKSYNC_SLOW ?? 1);

describe('ticks of job schedulers', { timeout: 120000 * SLOW }, () => {
	let redis;
	let client;
	let sink;
	let queue;
	let workers = [];
	let n = 0;

	before(async () => {
		redis = await DurableRedis.start();
		client = redis.client();
		sink = await Sink.open();
	});

	after(async () => {
		await sink?.close();
		await redis?.stop();
	});

	async function stage(...kinds) {
		const name = `ticks${n++}`;
		queue = new Queue(name, { connection: redis.connection() });
		queue.on('error', () => {});
		await queue.waitUntilReady();
		workers = kinds.map((kind) => kind === 'ours'
			? ourWorker({ queue: name, redis, sink, settings: { worker:
				'lock_duration = "2s"; stalled_interval = "1s";' } })
			: nodeWorker({ bullmq: kind, queue: name, redis, sink,
				options: { lockDuration: 2000, stalledInterval: 1000 } }));
		return `bull:${name}`;
	}

	afterEach(async () => {
		await Promise.all(workers.map((worker) => worker.stop()));
		await queue.close();
	});

	// Jobs of a scheduler by the time of their slot, finished ones.
	async function finished(id) {
		const jobs = await queue.getJobs(['completed', 'failed'], 0, -1,
			true);
		return jobs.filter((job) => job.repeatJobKey === id)
			.sort((a, b) => slot(a) - slot(b));
	}

	const slot = (job) => Number(job.id.split(':').at(-1));

	const ticked = (id, at_least) => until(async () =>
		(await finished(id)).length >= at_least, `${at_least} of ${id}`,
	30000 * SLOW);

	// Each job ran once, was counted, and was added once; its slot lies on the
	// grid, and a slot is left out only when the one before ran late.
	async function check(id, { every = EVERY, from = 1 } = {}) {
		const jobs = await finished(id);
		const stream = await client.xrange(`bull:${queue.name}:events`,
			'-', '+');
		const count = (event, job) => stream.filter(([, fields]) =>
			fields[1] === event && fields[3] === job.id).length;
		jobs.forEach((job, i) => {
			assert.equal(job.opts.repeat.count, from + i, job.id);
			assert.equal(count('added', job), 1, job.id);
			assert.equal(count('completed', job), 1, job.id);
			assert.equal(job.attemptsMade, 1, job.id);
			if (i === 0 || !every)
				return;
			const gap = slot(job) - slot(jobs[i - 1]);
			assert.equal(gap % every, 0);
			if (gap > every)
				assert.ok(jobs[i - 1].processedOn >= slot(job) - every,
					`${job.id} was left out`);
		});
		return jobs;
	}

	const isOver = (id) => until(async () => {
		const counts = await queue.getJobCounts('active', 'waiting',
			'delayed', 'prioritized');
		return Object.values(counts).every((each) => each === 0)
			&& await client.zscore(`bull:${queue.name}:repeat`, id) === null;
	}, `the end of ${id}`, 20000 * SLOW);

	it('our worker alone: an interval, a pattern, a limit', async () => {
		await stage('ours');
		await queue.upsertJobScheduler('e', { every: EVERY },
			{ name: 'job', data: { n: 'e' } });
		await queue.upsertJobScheduler('p', { pattern: '* * * * * *',
			tz: 'Asia/Kathmandu' }, { name: 'job', data: { n: 'p' },
			opts: { priority: 2 } });
		await queue.upsertJobScheduler('l', { every: EVERY, limit: 3 },
			{ name: 'job', data: { n: 'l' } });
		await ticked('e', 10);
		await ticked('p', 3);
		await queue.removeJobScheduler('e');
		await queue.removeJobScheduler('p');
		await until(async () => (await finished('l')).length === 3, 'three');
		await queue.removeJobScheduler('l');
		await isOver('e');
		await check('e');
		await check('p', { every: 1000 });
		assert.equal((await check('l')).length, 3);
		assert.equal(sink.runs.get('l'), 3);
		assert.equal(sink.runs.get('e'), (await finished('e')).length);
	});

	for (const bullmq of ['bullmq', 'bullmq5']) {
		it(`our worker and one of ${bullmq} compete`, async () => {
			await stage('ours', bullmq, 'ours');
			await queue.upsertJobScheduler('e', { every: EVERY },
				{ name: 'job', data: { n: bullmq } });
			await queue.upsertJobScheduler('p', { pattern: '* * * * * *',
				tz: 'Europe/Berlin' }, { name: 'job', data: { n: 'c' } });
			const by = async (isOurs) => (await finished('e')).filter((job) =>
				(job.returnvalue?.by === undefined) === isOurs).length;
			await until(async () => await by(true) > 2 && await by(false) > 2,
				'both at work', 40000 * SLOW);
			await ticked('p', 3);
			await queue.removeJobScheduler('e');
			await queue.removeJobScheduler('p');
			await isOver('e');
			await check('e');
			await check('p', { every: 1000 });
			assert.equal(sink.runs.get(bullmq), (await finished('e')).length);
		});
	}

	it('Node changes and removes it while we work', async () => {
		const base = await stage('ours');
		for (let i = 0; i < 6; i++) {
			await queue.upsertJobScheduler('e', { every: EVERY + 10 * i },
				{ name: 'job', data: { n: `v${i}` } });
			await until(() => sink.runs.get(`v${i}`) > 1, `v${i}`,
				20000 * SLOW);
		}
		await queue.removeJobScheduler('e');
		await isOver('e');
		assert.equal(await client.exists(`${base}:repeat:e`), 0);
		const runs = (await finished('e')).length;
		await new Promise((resolve) => setTimeout(resolve, 3 * EVERY));
		assert.equal((await finished('e')).length, runs);
	});

	it('goes on when Redis is killed again and again', async () => {
		await stage('ours');
		await queue.upsertJobScheduler('e', { every: EVERY },
			{ name: 'job', data: { n: 'k' } });
		for (let i = 1; i <= 5; i++) {
			await ticked('e', 3 * i);
			redis.kill();
			await redis.isUp();
		}
		await ticked('e', 20);
		await queue.removeJobScheduler('e');
		await isOver('e');
	});

	// In how many states the job is that each scheduler has planned.
	const planned = () => client.eval(`local n = {}
		local all = redis.call('ZRANGE', KEYS[1] .. ':repeat', 0, -1,
			'WITHSCORES')
		for i = 1, #all, 2 do
			local job = string.format('repeat:%s:%.0f', all[i],
				all[i + 1])
			local places = 0
			for _, list in ipairs({ 'wait', 'active' }) do
				for _, id in ipairs(redis.call('LRANGE',
					KEYS[1] .. ':' .. list, 0, -1)) do
					places = places + (id == job and 1 or 0)
				end
			end
			if redis.call('ZSCORE', KEYS[1] .. ':delayed', job) then
				places = places + 1
			end
			n[#n + 1] = places
		end
		return n`, 1, `bull:${queue.name}`);

	it('goes on when our workers are killed and Node changes it', async () => {
		await stage('ours', 'bullmq', 'ours');
		const put = (id, more) => queue.upsertJobScheduler(id,
			{ every: EVERY, ...more }, { name: 'job', data: { n: id } });
		await put('still');
		const end = Date.now() + 8000;
		for (let i = 0; Date.now() < end; i++) {
			if (i % 3 === 0)
				workers[i % 2 * 2].process.kill(
					i % 4 === 0 ? 'SIGTERM' : 'SIGKILL');
			if (i % 7 === 6)
				await queue.removeJobScheduler('often');
			else
				await put('often', { every: EVERY + i % 5 });
			assert.ok((await planned()).every((n) => n === 1),
				`each planned job is in one state, step ${i}`);
			await new Promise((resolve) => setTimeout(resolve, 50));
		}
		const before = (await finished('still')).length;
		await ticked('still', before + 3);
		for (const id of ['still', 'often'])
			await queue.removeJobScheduler(id);
		await isOver('still');
		const jobs = await finished('still');
		jobs.forEach((job, i) => assert.equal(job.opts.repeat.count, i + 1));
		const stream = await client.xrange(`bull:${queue.name}:events`,
			'-', '+');
		const ends = stream.filter(([, fields]) =>
			fields[1] === 'completed' || fields[1] === 'failed')
			.map(([, fields]) => fields[3]);
		assert.equal(new Set(ends).size, ends.length);
	});

	it('a job that does not say when fails once, with the reason',
		async () => {
			const base = await stage();
			const { id } = await queue.upsertJobScheduler('e',
				{ pattern: '* * * * * *', immediately: true },
				{ name: 'job', data: { n: 'x' } });
			await client.hset(`${base}:${id}`, 'opts',
				'{"repeat":{"pattern":"61 * * * * *"}}');
			workers = [ourWorker({ queue: queue.name, redis, sink })];
			const [job] = await until(async () => {
				const failed = await queue.getFailed();
				return failed.length > 0 && failed;
			}, 'a failure', 20000 * SLOW);
			assert.match(job.failedReason, /scheduler cannot continue/);
			assert.equal(sink.runs.get('x'), undefined);
		});

	it('an unknown zone puts its job off', async () => {
		const base = await stage();
		const { id } = await queue.upsertJobScheduler('e',
			{ pattern: '* * * * * *', immediately: true },
			{ name: 'job', data: { n: 'z' } });
		await client.hset(`${base}:${id}`, 'opts',
			'{"repeat":{"pattern":"* * * * * *","tz":"Nowhere"}}');
		workers = [ourWorker({ queue: queue.name, redis, sink })];
		await until(() => client.zscore(`${base}:delayed`, id), 'a delay',
			20000 * SLOW);
		assert.equal(await client.hget(`${base}:${id}`, 'atm'), null);
		assert.equal(sink.runs.get('z'), undefined);
	});

	it("runs version 5's repeatable jobs, and does not continue them",
		async () => {
			const base = await stage();
			const id = 'job:::Europe/Berlin:* * * * *';
			await client.zadd(`${base}:repeat`, 1, id);
			const { id: job } = await queue.add('job', { n: 'old' });
			await client.hset(`${base}:${job}`, 'rjk', id, 'opts',
				'{"repeat":{"pattern":"* * * * *","count":1}}');
			workers = [ourWorker({ queue: queue.name, redis, sink })];
			await until(() => sink.runs.get('old') === 1, 'its run',
				20000 * SLOW);
			await until(() => client.zscore(`${base}:completed`, job),
				'its end', 20000 * SLOW);
			assert.equal(await client.zscore(`${base}:repeat`, id), '1');
		});
});
