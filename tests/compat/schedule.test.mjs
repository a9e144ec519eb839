// Job schedulers, step by step like BullMQ: made, changed, continued when one of
// their jobs is taken, removed; then anything in any order.
// SEED=7 WALKS=100 STEPS=100 tells other walks; a failure names its seed.

import assert from 'node:assert/strict';
import { QUEUE, START, stories, TOKEN } from './both.mjs';
import { numbers } from './numbers.mjs';
import { PREFIX } from './stage.mjs';

const SEED = Number(process.env.SEED ?? 1);
const WALKS = Number(process.env.WALKS ?? 12);
const STEPS = Number(process.env.STEPS ?? 40);
const MINUTE = 60000;
const BASE = `${PREFIX}:${QUEUE}`;

// BullMQ asks new Date() for the time here and there, too.
const RealDate = Date;
globalThis.Date = class extends RealDate {
	constructor(...args) {
		super(...(args.length > 0 ? args : [Date.now()]));
	}
};

// What BullMQ's upsert came to, in our words.
function outcome(promise) {
	return promise.then(
		(job) => job ? { jobId: job.id, delay: job.opts.delay } : 'over',
		(err) => {
			if (/job ID already exists/.test(err.message))
				return -10;
			if (/time slots already have jobs/.test(err.message))
				return -11;
			if (/End date must be greater/.test(err.message))
				return 'over';
			if (/unhandled timestamp/.test(err.message))
				return 'zone';
			return 'wrong';
		});
}

function ourOutcome({ err, text, over, code, jobId, delay }) {
	assert.equal(err, 'ok', text);
	if (over)
		return { 'not found': 'over', 'invalid': 'wrong',
			'denied': 'zone' }[over] ?? over;
	return code === 0 ? { jobId, delay } : code;
}

// Options as a job has them.
function short({ deduplication, keepLogs, ...opts } = {}) {
	return { ...opts, ...(deduplication && { de: deduplication }),
		...(keepLogs !== undefined && { kl: keepLogs }) };
}

async function upsert(s, id, repeat, template = {}, expected = undefined) {
	let theirs;
	let ours;
	await s.step(`upsert ${id} ${JSON.stringify({ repeat, template })}`,
		async () => {
			theirs = await outcome(
				s.queue.upsertJobScheduler(id, repeat, template));
		}, async () => {
			ours = ourOutcome(await s.peer.ask('schedule-upsert', {
				id, name: template.name ?? id, ...repeat,
				data: template.data && JSON.stringify(template.data),
				opts: template.opts && JSON.stringify(short(template.opts)),
				now: s.clock,
			}));
		});
	assert.deepEqual(ours, theirs);
	if (expected !== undefined)
		assert.deepEqual(theirs?.jobId ?? theirs, expected);
	return theirs;
}

// Takes the next job on both sides, and advances its scheduler, which is what
// BullMQ's worker does inside getNextJob().
async function take(s, expected = undefined) {
	let id;
	await s.step('take', async () => {
		const job = await s.worker.getNextJob(TOKEN, { block: false });
		id = job?.id ?? null;
		if (job)
			s.jobs[job.id] = job;
	}, async () => {
		const { jobs } = await s.peer.do('take', { token: TOKEN,
			worker: 'w1', now: s.clock, lockDuration: 30000 });
		assert.equal(jobs[0]?.id ?? null, id);
		if (jobs[0]?.scheduler)
			await s.peer.do('schedule-advance', { id, now: s.clock });
	});
	if (expected !== undefined)
		assert.equal(id, expected);
	return id;
}

async function remove(s, id) {
	let theirs;
	await s.step(`remove ${id}`, async () => {
		theirs = await s.queue.removeJobScheduler(id);
	}, async () => {
		const { number } = await s.peer.do('schedule-remove', { id });
		assert.equal(number === 0, theirs);
	});
	return theirs;
}

const jobOf = (id, ms) => `repeat:${id}:${ms}`;
const aligned = (ms) => START - START % ms;

stories('job schedulers', (story) => {
	story('by an interval', async (s) => {
		const at = s.clock += 123;
		await upsert(s, 'a', { every: MINUTE, limit: 4 }, { name: 'n',
			data: { a: 1 }, opts: { attempts: 3, removeOnComplete: true,
				backoff: { type: 'fixed', delay: 100 } } },
		jobOf('a', at));
		await take(s, jobOf('a', at));
		await s.complete(jobOf('a', at));
		s.clock += MINUTE;
		await take(s, jobOf('a', at + MINUTE));
		await s.complete(jobOf('a', at + MINUTE));
		s.clock += 10 * MINUTE + 7; // late: slots are left out
		await take(s, jobOf('a', at + 2 * MINUTE));
		await s.complete(jobOf('a', at + 2 * MINUTE));
		s.clock += MINUTE;
		const last = await take(s);
		await s.complete(last);
		s.clock += 10 * MINUTE;
		await take(s, null); // the limit
		await upsert(s, 'a', { every: MINUTE }, { name: 'again' });
	});

	story('by a pattern in a time zone, over a change of the clock',
		async (s) => {
			s.clock = Date.UTC(2030, 2, 30, 12);
			for (const [id, tz] of [['b', 'Europe/Berlin'],
				['n', 'America/New_York'], ['u', undefined]])
				await upsert(s, id, { pattern: '30 2 * * *', tz },
					{ data: { tz } });
			for (let i = 0; i < 12; i++) {
				s.clock += 8 * 60 * MINUTE;
				for (let id; (id = await take(s));)
					await s.complete(id);
			}
		});

	story('start, end, offset', async (s) => {
		s.clock += 123;
		const { clock } = s;
		await upsert(s, 'a', { every: MINUTE, startDate: clock + 5000 });
		await upsert(s, 'b', { every: MINUTE, startDate: clock - 5000 });
		await upsert(s, 'c', { every: MINUTE, offset: 5000 });
		await upsert(s, 'd', { every: MINUTE, offset: 5000,
			startDate: clock + 3000 });
		await upsert(s, 'e', { every: MINUTE, endDate: clock - 1 }, {},
			'over');
		await upsert(s, 'f', { every: MINUTE, endDate: clock + 1 });
		await upsert(s, 'g', { pattern: '*/5 * * * *',
			startDate: clock + 600000, endDate: clock + 700000 });
		await upsert(s, 'h', { pattern: '*/5 * * * *',
			endDate: clock + 1000 }, {}, 'over');
		await upsert(s, 'i', { pattern: '0 0 31 2,4 *' }, {}, 'over');
		await upsert(s, 'j', { pattern: '0 0 30 2 *' }, {}, 'wrong');
		await upsert(s, 'k', { pattern: '0 0 1 1 *', tz: 'Nowhere' }, {},
			'zone');
		await upsert(s, 'l', { pattern: '*/5 * * * *', immediately: true },
			{}, jobOf('l', clock));
		await upsert(s, 'c', { every: MINUTE, offset: 7000 });
		for (let i = 0; i < 16; i++) {
			s.clock += MINUTE;
			for (let id; (id = await take(s));)
				await s.complete(id);
		}
	});

	story('changed while its job waits, is delayed, or runs', async (s) => {
		const at = s.clock += 123;
		await upsert(s, 'a', { every: 1000 }, { name: 'one' });
		s.clock += 5500;
		await upsert(s, 'a', { every: 1000 }, { name: 'two' },
			jobOf('a', at));
		await upsert(s, 'a', { every: 2000 }, { name: 'three' },
			jobOf('a', at + 5500));
		await upsert(s, 'a', { every: 2000 }, { opts: { priority: 3 } });
		await upsert(s, 'a', { every: 2000 }, { opts: { priority: 4 } });
		await s.add('other', {});
		await upsert(s, 'a', { every: 2000 }, { opts: { lifo: true } });
		await take(s, jobOf('a', at + 5500));
		await upsert(s, 'a', { every: 2000 }, { name: 'five' },
			jobOf('a', at + 7500));
		await upsert(s, 'a', { pattern: '*/5 * * * * *' });
		await upsert(s, 'a', { pattern: '*/5 * * * * *' }, { data: [1] });
		await upsert(s, 'a', { every: 3000 }, { name: 'six' });
		await s.complete(jobOf('a', at + 5500));
		await remove(s, 'a');
		await remove(s, 'a');
	});

	story('removed while its job is delayed, waits, or runs', async (s) => {
		s.clock += 123;
		await upsert(s, 'a', { every: 1000, offset: 500 });
		await remove(s, 'a');
		for (const opts of [{}, { priority: 2 }]) {
			const { jobId } = await upsert(s, 'a', { every: 1000 }, { opts });
			await remove(s, 'a');
			await take(s, jobId); // its last
			await s.complete(jobId);
			s.clock += 10;
		}
		const { jobId } = await upsert(s, 'b', { every: 1000 });
		await take(s, jobId);
		await remove(s, 'b');
		await s.complete(jobId);
		s.clock += 5000;
		await take(s, null);
	});

	story('a job that is taken again is not continued twice', async (s) => {
		s.clock += 123;
		const { jobId } = await upsert(s, 'a', { every: 1000 });
		await take(s, jobId);
		await s.expire(jobId);
		await s.stalled();
		await s.stalled();
		await take(s, jobId);
		await s.complete(jobId);
	});

	story('in a paused queue', async (s) => {
		s.clock += 123;
		await s.both('pause', (redis) => redis.hset(`${BASE}:meta`,
			'paused', 1));
		await upsert(s, 'a', { every: 1000 });
		s.clock += 100;
		await upsert(s, 'a', { every: 1000 });
		s.clock += 5000;
		await upsert(s, 'a', { every: 1000 });
	});

	story('where the next times are taken', async (s) => {
		const at = s.clock += 123;
		const occupy = (id, n, from = at) => s.both('occupy',
			async (redis) => {
				for (let i = 0; i < n; i++)
					await redis.hset(
						`${BASE}:${jobOf(id, from + i * 1000)}`, 'x', 1);
			});
		await occupy('a', 2);
		await upsert(s, 'a', { every: 1000 }, {}, jobOf('a', at + 2000));
		await occupy('b', 32);
		await upsert(s, 'b', { every: 1000 }, {}, jobOf('b', at + 32000));
		await occupy('c', 33);
		await upsert(s, 'c', { every: 1000 }, {}, -11);
		const next = aligned(5 * MINUTE) + 5 * MINUTE;
		await occupy('d', 1, next);
		await upsert(s, 'd', { pattern: '*/5 * * * *' }, {}, -10);
		await upsert(s, 'e', { every: 5000 });
		await occupy('e', 33, at + 2000);
		s.clock += 2000;
		await upsert(s, 'e', { every: 1000 });
	});

	story('odd records and odd jobs', async (s) => {
		const cases = [
			(h) => ['hset', h, 'name', 'other', 'data', '{"z":1}', 'opts',
				'{"attempts":9}'],
			(h) => ['hdel', h, 'data'],
			(h) => ['hset', h, 'every', '7000'],
			(h) => ['hdel', h, 'every'],
			(h) => ['hset', h, 'offset', '999'],
			(h) => ['hdel', h, 'offset'],
			(h, id) => ['zrem', `${BASE}:repeat`, id],
			(h, id) => ['zadd', `${BASE}:repeat`, START, id],
			(h, id, at) => ['hset', `${h}:${at + 1000}`, 'x', 1],
			(h, id, at) => ['hset', `${h}:${at}`, 'opts', JSON.stringify({
				repeat: { every: 1000, count: 4, limit: 9, zz: 1, offset: 0 },
				de: { id: 'x' }, kl: 5, backoff: 500, lifo: true,
				removeOnFail: { age: 5 }, tm: 't', unknown: [1, 2],
				priority: 4, jobId: 'x', delay: 77, stackTraceLimit: 3 })],
			(h, id, at) => ['hset', `${h}:${at}`, 'opts', JSON.stringify({
				repeat: { every: 1000, count: 5, limit: 5 } })],
			(h, id, at) => ['hset', `${h}:${at}`, 'opts', JSON.stringify({
				repeat: { every: 1000, count: 5, endDate: at - 1 } })],
			(h, id, at) => ['hset', `${h}:${at}`, 'opts', JSON.stringify({
				repeat: { every: 1000, count: 5, endDate: at } })],
			(h, id, at) => ['hset', `${h}:${at}`, 'opts', JSON.stringify({
				prevMillis: at + 99999,
				repeat: { pattern: '*/5 * * * *', tz: 'Asia/Tehran' } })],
		];
		for (const [i, change] of cases.entries()) {
			for (const late of [0, 5500]) {
				const at = s.clock += 10007;
				const id = `s${i}-${late}`;
				const { jobId } = await upsert(s, id, { every: 1000 },
					{ data: { i }, opts: { attempts: 2 } });
				await s.both('odd', (redis) => redis.call(
					...change(`${BASE}:repeat:${id}`, id, at)));
				s.clock += late;
				await take(s, jobId);
				await s.complete(jobId);
				await remove(s, id);
				for (let other; (other = await take(s));)
					await s.complete(other);
			}
		}
	});

	for (let seed = SEED; seed < SEED + WALKS; seed++)
		story(`a walk (SEED=${seed})`, (s) => walk(s, seed));
});

async function walk(s, seed) {
	const random = numbers(seed);
	const below = (n) => Math.floor(random() * n);
	const of = (list) => list[below(list.length)];
	const active = [];
	const repeat = () => ({
		...(random() < 0.6
			? { every: of([1000, 5000, 7777]),
				...(random() < 0.3 && { offset: of([1, 500, 6000]) }) }
			: { pattern: of(['*/5 * * * * *', '*/2 * * * *',
				'10,40 * * * * *', '0 0 31 2,4 *']),
			tz: of([undefined, 'UTC', 'Asia/Kathmandu']),
			...(random() < 0.2 && { immediately: true }) }),
		...(random() < 0.2 && { limit: 1 + below(3) }),
		...(random() < 0.2 && { endDate: s.clock + below(20000) }),
	});
	const start = (r) => r.immediately || random() > 0.2 ? r
		: { ...r, startDate: s.clock + below(20000) - 10000 };
	const template = () => ({
		...(random() < 0.5 && { name: of(['x', 'y/z']) }),
		...(random() < 0.5 && { data: of([{ a: 1 }, [1], 'ü"/\\']) }),
		...(random() < 0.5 && { opts: of([{ priority: 3 }, { lifo: true },
			{ attempts: 2, backoff: 50 }, { removeOnComplete: true },
			{ deduplication: { id: 'dd' } }, { keepLogs: 3 }]) }),
	});
	for (let i = 0; i < STEPS; i++) {
		s.clock += of([0, 1, 499, 500, 1000, 5000, 12345]);
		switch (below(9)) {
		case 0:
		case 1:
			await upsert(s, of(['a', 'b', 'c:d/e']), start(repeat()),
				template());
			break;
		case 2:
			if (active.length > 0 && random() < 0.5)
				await remove(s, of(['a', 'b', 'c:d/e']));
			break;
		case 3:
		case 4:
		case 5: {
			const id = await take(s);
			if (id)
				active.push(id);
			break;
		}
		case 6:
		case 7:
			if (active.length > 0)
				await s.complete(active.splice(below(active.length), 1)[0]);
			break;
		default:
			await s.add('other', {}, random() < 0.5 ? {}
				: { delay: 700 });
		}
	}
}
