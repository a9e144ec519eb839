// run: BullMQ's own test files, first over its own backend, then over ours; what
// passes there must pass here. Said per file:
//
//   untouched  tests that pass with BullMQ's backend; kept in the build folder
//              as long as nothing it depends on changes
//   ours       those of them that pass with ours
//   lost       the rest, by name. One in lost.json has a reason there; any
//              other is this program's failure
//
// and which methods of the backend are still BullMQ's own (fell.json). The files
// come from BULLMQ_SRC, a copy of BullMQ's sources; nothing of it is kept.
// Several files run at a time, each runner with a redis-server of its own. Some
// tests need a machine that has time for them: a file in which one fails is run
// up to three times, on either side.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync,
	symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';

const ATTEMPTS = 3;
const FILES = ['bulk', 'clean', 'clean.redis', 'concurrency', 'deduplication',
	'delay', 'delay.redis', 'events', 'events.redis', 'flow', 'flow.redis',
	'getters', 'getters.redis', 'job', 'job.redis', 'job_scheduler',
	'job_scheduler.redis', 'job_scheduler_stress', 'metrics', 'obliterate',
	'obliterate.redis', 'pause', 'queue', 'queue.redis', 'rate_limiter',
	'stalled_jobs', 'worker', 'worker.redis'];

const source = process.env.BULLMQ_SRC;
const named = (process.env.SUITE_FILES ?? '').split(/[\s,]+/).filter(Boolean);
const files = named.length > 0 ? named : FILES;
const nRunners = Number(process.env.SUITE_RUNNERS ?? 2);
const folder = mkdtempSync(join(tmpdir(), 'hooksync-suite-'));
const children = new Set();
const troubles = []; // what is wrong besides tests
const reasons = read('lost.json', {});

function read(name, absent) {
	return existsSync(name) ? JSON.parse(readFileSync(name, 'utf8')) : absent;
}

function write(name, value) {
	writeFileSync(name, `${JSON.stringify(value, null, '\t')}\n`);
}

function start(program, args, options = {}) {
	const child = spawn(program, args, options);
	children.add(child);
	child.ended = new Promise((resolve) => {
		child.once('error', resolve);
		child.once('exit', resolve);
	}).finally(() => children.delete(child));
	return child;
}

function freePort() {
	return new Promise((resolve, reject) => {
		const server = createServer();
		server.once('error', reject);
		server.listen(0, '127.0.0.1', () => {
			const { port } = server.address();
			server.close(() => resolve(port));
		});
	});
}

// A redis-server, and our peer on it.
class Runner {
	static async start(index) {
		const runner = new Runner();
		runner.port = await freePort();
		runner.redis = start('redis-server', ['--port', String(runner.port),
			'--bind', '127.0.0.1', '--save', '', '--appendonly', 'no',
			'--dir', folder], { stdio: 'ignore' });
		runner.socket = join(folder, `peer-${index}.sock`);
		runner.client = new Redis({ host: '127.0.0.1', port: runner.port,
			maxRetriesPerRequest: null });
		runner.client.on('error', () => {});
		await runner.client.ping();
		return runner;
	}

	async startPeer() {
		this.peer = start(process.env.QUEUE_PEER,
			[`127.0.0.1:${this.port}`, this.socket],
			{ stdio: ['pipe', 'pipe', 'inherit'] });
		await new Promise((resolve, reject) => {
			this.peer.stdout.once('data', resolve);
			this.peer.ended.then(() => reject(new Error('no queue_peer')));
		});
	}

	// {test: "passed" or another word}, and how long it took.
	async run(side, file) {
		const result = join(folder, `${side}-${file}.json`);
		const begin = performance.now();
		await this.client.flushall();
		if (side === 'ours')
			await this.startPeer();
		const child = start(process.execPath,
			['node_modules/vitest/vitest.mjs', 'run',
				`tests/${file}.test.ts`],
			{
				stdio: ['ignore', 'pipe', 'pipe'],
				env: {
					...process.env,
					REDIS_PORT: String(this.port),
					SUITE_RESULT: result,
					SUITE_COUNTS: join(folder, 'counts.jsonl'),
					...(side === 'ours' && { QUEUE_SOCKET: this.socket }),
				},
			});
		let words = '';
		child.stdout.on('data', (text) => { words += text; });
		child.stderr.on('data', (text) => { words += text; });
		await child.ended;
		if (this.peer) {
			this.peer.stdin.end();
			const code = await this.peer.ended;
			if (code !== 0)
				troubles.push(`${file}: queue_peer ended with ${code}`);
			this.peer = undefined;
		}
		const seen = read(result, { testResults: [] });
		rmSync(result, { force: true });
		const tests = {};
		for (const { message, assertionResults } of seen.testResults) {
			words += `\n${message ?? ''}\n`;
			for (const test of assertionResults) {
				let name = test.fullName;
				while (name in tests)
					name += ' (again)';
				tests[name] = test.status;
				for (const failure of test.failureMessages ?? [])
					words += `\n--- ${name}\n${failure}\n`;
			}
		}
		writeFileSync(`${side}-${file}.log`, words);
		return { tests, ms: Math.round(performance.now() - begin) };
	}

	async stop() {
		this.client.disconnect();
		this.redis.kill('SIGKILL');
		await this.redis.ended;
	}
}

// Calls fn(runner, file) for all files, the longest first.
async function share(runners, list, lengths, fn) {
	const queue = [...list].sort((a, b) =>
		(lengths[b]?.ms ?? 0) - (lengths[a]?.ms ?? 0));
	await Promise.all(runners.map(async (runner) => {
		while (queue.length > 0)
			await fn(runner, queue.shift());
	}));
}

function passed(result) {
	return Object.keys(result.tests).filter(
		(name) => result.tests[name] === 'passed');
}

// Runs a file; while some of `wanted` (all but the skipped ones) did not pass, it
// is run again, a few times.
async function attempt(runner, side, file, wanted) {
	const first = await runner.run(side, file);
	const names = wanted ?? Object.keys(first.tests).filter(
		(name) => !['skipped', 'pending', 'todo'].includes(first.tests[name]));
	if (names.length === 0)
		throw new Error(`no test of ${file} ran: see ${side}-${file}.log`);
	const hopeful = names.filter((name) => !reasons[file]?.[name]);
	first.late = {};
	for (let i = 2; i <= ATTEMPTS; i++) {
		const missed = hopeful.filter(
			(name) => first.tests[name] !== 'passed');
		if (missed.length === 0)
			break;
		renameSync(`${side}-${file}.log`, `${side}-${file}.${i - 1}.log`);
		const again = await runner.run(side, file);
		for (const name of missed.filter(
			(missing) => again.tests[missing] === 'passed')) {
			first.tests[name] = 'passed';
			first.late[name] = i;
		}
	}
	const count = `${passed(first).length} of ${names.length}`;
	console.log(`${side.padEnd(9)} ${file}: ${count} in ${first.ms} ms`);
	return first;
}

function version(name) {
	return read(join('node_modules', name, 'package.json')).version;
}

function keyOf(file) {
	const hash = createHash('sha256');
	for (const name of ['bullmq', 'ioredis', 'vitest'])
		hash.update(`${name} ${version(name)}\n`);
	hash.update(process.version);
	hash.update(readFileSync(`tests/${file}.test.ts`));
	return hash.digest('hex');
}

function table(rows) {
	const widths = rows[0].map((_, i) =>
		Math.max(...rows.map((row) => String(row[i]).length)));
	for (const row of rows)
		console.log(row.map((cell, i) => (i === 0
			? String(cell).padEnd(widths[i])
			: String(cell).padStart(widths[i]))).join('  '));
}

function report(untouched, ours) {
	const rows = [['file', 'untouched', 'ours', 'lost', 'excused']];
	const sums = [0, 0, 0, 0];
	const bad = [];
	for (const file of files) {
		const must = passed(untouched[file]);
		const lost = must.filter(
			(name) => ours[file].tests[name] !== 'passed');
		const excused = lost.filter((name) => reasons[file]?.[name]);
		const row = [must.length, must.length - lost.length, lost.length,
			excused.length];
		row.forEach((n, i) => { sums[i] += n; });
		rows.push([file, ...row]);
		bad.push(...lost.filter((name) => !reasons[file]?.[name])
			.map((name) => `${file}: ${name}`));
		ours[file].lost = lost;
	}
	rows.push(['all', ...sums]);
	console.log();
	table(rows);
	for (const file of files) {
		for (const [name, nth] of Object.entries(ours[file].late))
			console.log(`passed at run ${nth}: ${file}: ${name}`);
		for (const name of passed(ours[file])) {
			if (reasons[file]?.[name])
				console.log(`excused, but passes: ${file}: ${name}`);
		}
		for (const name of ours[file].lost.filter(
			(lost) => reasons[file]?.[lost]))
			console.log(`lost: ${file}: ${name}: ${reasons[file][name]}`);
	}
	for (const name of bad)
		console.log(`LOST: ${name}`);
	return bad;
}

// Which methods were ours, which BullMQ's own.
function count() {
	const sums = { ported: {}, fell: {} };
	const name = join(folder, 'counts.jsonl');
	const lines = existsSync(name)
		? readFileSync(name, 'utf8').trim().split('\n') : [];
	for (const line of lines) {
		const counts = JSON.parse(line);
		for (const kind of ['ported', 'fell']) {
			for (const [method, n] of Object.entries(counts[kind]))
				sums[kind][method] = (sums[kind][method] ?? 0) + n;
		}
	}
	write('fell.json', sums);
	console.log();
	for (const kind of ['ported', 'fell']) {
		const words = Object.entries(sums[kind]).sort()
			.filter(([, n]) => n > 0)
			.map(([method, n]) => `${method} ${n}`);
		console.log(`${kind}: ${words.join(', ') || 'none'}`);
	}
}

async function main() {
	if (!source) {
		console.log('SKIP: BULLMQ_SRC must name a copy of BullMQ\'s sources, '
			+ 'whose folder tests/ is not in the published package');
		return 0;
	}
	rmSync('tests', { recursive: true, force: true });
	cpSync(join(source, 'tests'), 'tests', { recursive: true });
	if (!existsSync('dist'))
		symlinkSync('node_modules/bullmq/dist', 'dist'); // for the fixtures
	const missing = files.filter(
		(file) => !existsSync(`tests/${file}.test.ts`));
	if (missing.length > 0)
		throw new Error(`no such test file: ${missing.join(', ')}`);
	console.log(`BullMQ ${version('bullmq')}, node ${process.version}`);

	const runners = [];
	for (let i = 0; i < Math.min(nRunners, files.length); i++)
		runners.push(await Runner.start(i));
	const untouched = read('untouched.json', {});
	const old = files.filter((file) => untouched[file]?.key !== keyOf(file));
	await share(runners, old, untouched, async (runner, file) => {
		untouched[file] = {
			...await attempt(runner, 'untouched', file),
			key: keyOf(file),
		};
		write('untouched.json', untouched);
	});
	const ours = {};
	await share(runners, files, untouched, async (runner, file) => {
		ours[file] = await attempt(runner, 'ours', file,
			passed(untouched[file]));
	});
	await Promise.all(runners.map((runner) => runner.stop()));
	const bad = report(untouched, ours);
	write('ours.json', ours);
	count();
	for (const trouble of troubles)
		console.log(`TROUBLE: ${trouble}`);
	return bad.length + troubles.length > 0 ? 1 : 0;
}

process.on('exit', () => {
	for (const child of children)
		child.kill('SIGKILL');
	rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'])
	process.on(signal, () => process.exit(1));
process.exitCode = await main();
