// stage: what the compat tests share: a redis-server of their own, our queue
// floor as a process (tests/lib/peer.c), and dumps of a queue that can be
// compared.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';

export const PREFIX = 'bull';

// Waits until `condition` yields something true; no sleeping for luck.
export async function until(condition, what, within = 10000) {
	const end = performance.now() + within;
	for (;;) {
		const value = await condition();
		if (value)
			return value;
		if (performance.now() > end)
			throw new Error(`waited in vain for ${what}`);
		await new Promise((resolve) => setTimeout(resolve, 10));
	}
}

// A redis-server on a Unix socket in a folder of its own.
export class Server {
	static async start() {
		const server = new Server();
		server.folder = mkdtempSync(join(tmpdir(), 'hooksync-compat-'));
		server.path = join(server.folder, 'redis.sock');
		server.process = spawn('redis-server', ['--port', '0',
			'--unixsocket', server.path, '--save', '',
			'--appendonly', 'no', '--dir', server.folder,
			'--maxmemory-policy', 'noeviction'],
		{ stdio: 'ignore' });
		server.process.on('error', (err) => { server.error = err; });
		server.connections = [];
		const redis = server.redis(0);
		await until(() => {
			if (server.error)
				throw server.error;
			return redis.ping().catch(() => false);
		}, 'redis-server');
		return server;
	}

	// What BullMQ's classes want as `connection`.
	connection(db = 0) {
		return { path: this.path, db, maxRetriesPerRequest: null,
			retryStrategy: () => 20 };
	}

	redis(db = 0) {
		const redis = new Redis(this.connection(db));
		redis.on('error', () => {});
		this.connections.push(redis);
		return redis;
	}

	async stop() {
		for (const redis of this.connections)
			redis.disconnect();
		const ended = new Promise((resolve) =>
			this.process.once('exit', resolve));
		this.process.kill('SIGKILL');
		await ended;
		rmSync(this.folder, { recursive: true, force: true });
	}
}

let nPeers = 0;

// Our side: requests, each answered when it is done.
export class Peer {
	constructor(server, queue, db = 0) {
		const program = process.env.QUEUE_PEER;
		if (!program)
			throw new Error('QUEUE_PEER must name the program');
		const path = join(server.folder,
			`peer-${process.pid}-${nPeers++}.sock`);
		this.process = spawn(program, [`unix:${server.path}`, path],
			{ stdio: ['pipe', 'pipe', 'inherit'] });
		this.pending = new Map();
		this.ended = new Promise((resolve) =>
			this.process.once('exit', (code, signal) => {
				this.fail(`queue_peer ended: ${code ?? signal}`);
				resolve(code);
			}));
		this.socket = new Promise((resolve) =>
			createInterface({ input: this.process.stdout }).once('line',
				() => resolve(this.connect(path))));
		this.n = 0;
		this.ask('hello', { prefix: PREFIX, queue, db }).catch(() => {});
	}

	connect(path) {
		const socket = createConnection(path);
		socket.on('error', () => {});
		socket.on('close', () => this.fail('queue_peer went away'));
		createInterface({ input: socket }).on('line', (line) => {
			const { seq, ...answer } = JSON.parse(line);
			this.pending.get(seq).resolve(answer);
			this.pending.delete(seq);
		});
		return socket;
	}

	fail(why) {
		for (const { reject } of this.pending.values())
			reject(new Error(why));
		this.pending.clear();
	}

	// The answer, whatever it is.
	ask(op, request = {}) {
		const seq = ++this.n;
		const line = JSON.stringify({ op, ...request, seq });
		return new Promise((resolve, reject) => {
			this.pending.set(seq, { resolve, reject });
			this.socket.then((socket) => socket.write(`${line}\n`));
		});
	}

	// The answer, which must be a good one.
	async do(op, request = {}) {
		const answer = await this.ask(op, request);
		if (answer.err !== 'ok')
			throw new Error(`${op}: ${answer.err}: ${answer.text}`);
		return answer;
	}

	add(item, more = {}) {
		return this.do('add', { items: [item], ...more });
	}

	// Finishes one job; its code.
	async finish(token, item, more = {}) {
		const answer = await this.do('finish',
			{ token, items: [item], ...more });
		return answer.results[0].code;
	}

	// After what was asked was answered.
	async stop() {
		await until(() => this.pending.size === 0, 'the last answer', 20000);
		this.process.stdin.end();
		return await this.ended;
	}
}

const JSON_FIELDS = new Set(['data', 'opts', 'parent', 'progress',
	'returnvalue']);

function parsed(text) {
	try {
		return JSON.parse(text);
	} catch {
		return { 'not JSON': text };
	}
}

function hash(fields, isJob) {
	const result = {};
	for (const [name, value] of Object.entries(fields)) {
		if (isJob && JSON_FIELDS.has(name))
			result[name] = parsed(value);
		else if (isJob && name === 'stacktrace')
			result[name] = `${parsed(value).length} entries`;
		else if (name === 'version')
			result[name] = 'some version';
		else
			result[name] = value;
	}
	return result;
}

function event(fields) {
	const result = [];
	for (let i = 0; i < fields.length; i += 2) {
		const isJson = fields[i] === 'returnvalue';
		result.push([fields[i],
			isJson ? parsed(fields[i + 1]) : fields[i + 1]]);
	}
	return result;
}

async function content(redis, key, type) {
	switch (type) {
	case 'string':
		return await redis.get(key);
	case 'list':
		return await redis.lrange(key, 0, -1);
	case 'set':
		return (await redis.smembers(key)).sort();
	case 'zset':
		return await redis.zrange(key, 0, -1, 'WITHSCORES');
	case 'hash':
		return hash(await redis.hgetall(key), !key.endsWith(':meta'));
	case 'stream':
		return (await redis.xrange(key, '-', '+'))
			.map(([, fields]) => event(fields));
	default:
		return `a ${type}`;
	}
}

// All keys under the prefix as one comparable object: JSON parsed, stream ids
// left out, times to live as "some".
export async function dump(redis) {
	const result = {};
	for (const key of (await redis.keys(`${PREFIX}:*`)).sort()) {
		const type = await redis.type(key);
		const ttl = await redis.pttl(key);
		result[key] = {
			type,
			content: await content(redis, key, type),
			...(ttl >= 0 && { ttl: 'some' }),
		};
	}
	return result;
}
