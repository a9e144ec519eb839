// fleet: workers of every kind on one Redis, each a process that can be killed,
// and a sink that notes which jobs were run. What the matrix and the chaos
// tests stand on.

import { execFile, spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { until } from './stage.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const STOP_WITHIN = 20000; // ms after SIGTERM

// Where jobs end up: PUT /log/N counts a run of job N. Those in `refuses`, as
// often as it says, and one in `refuseEvery` are answered 503, so that jobs are
// tried again.
export class Sink {
	static async open({ refuseEvery = 0 } = {}) {
		const sink = new Sink();
		sink.runs = new Map();
		sink.refuses = new Map();
		sink.n = 0;
		sink.server = createServer((request, response) => {
			request.resume();
			request.on('end', () => {
				const id = request.url.replace(/^\/log\//, '');
				sink.runs.set(id, (sink.runs.get(id) ?? 0) + 1);
				sink.n++;
				const left = sink.refuses.get(id) ?? 0;
				if (left > 0)
					sink.refuses.set(id, left - 1);
				const isRefused = left > 0
					|| (refuseEvery && sink.n % refuseEvery === 0);
				response.writeHead(isRefused ? 503 : 200);
				response.end();
			});
		});
		sink.server.keepAliveTimeout = 60000;
		await new Promise((resolve) =>
			sink.server.listen(0, '127.0.0.1', resolve));
		sink.url = `http://127.0.0.1:${sink.server.address().port}`;
		return sink;
	}

	async close() {
		this.server.closeAllConnections();
		await new Promise((resolve) => this.server.close(resolve));
	}
}

// A redis-server whose data outlives a kill -9.
export class DurableRedis {
	static async start() {
		const redis = new DurableRedis();
		redis.folder = mkdtempSync(join(tmpdir(), 'hooksync-fleet-'));
		redis.path = join(redis.folder, 'redis.sock');
		redis.isWanted = true;
		redis.clients = [];
		redis.#spawn();
		await redis.isUp();
		return redis;
	}

	#spawn() {
		this.process = spawn('redis-server', ['--port', '0',
			'--unixsocket', this.path, '--save', '', '--dir', this.folder,
			'--appendonly', 'yes', '--appendfsync', 'everysec',
			'--auto-aof-rewrite-percentage', '0'], { stdio: 'ignore' });
		this.process.once('exit', () => {
			if (this.isWanted)
				this.#spawn();
		});
	}

	client() {
		const client = new Redis(this.connection());
		client.on('error', () => {});
		this.clients.push(client);
		return client;
	}

	connection() {
		return { path: this.path, maxRetriesPerRequest: null,
			retryStrategy: () => 20 };
	}

	isUp() {
		this.watcher ??= this.client();
		return until(() => this.watcher.ping().catch(() => false),
			'redis-server', 30000);
	}

	kill() {
		this.process.kill('SIGKILL');
	}

	async stop() {
		this.isWanted = false;
		for (const client of this.clients)
			client.disconnect();
		const ended = new Promise((resolve) =>
			this.process.once('exit', resolve));
		this.kill();
		await ended;
		rmSync(this.folder, { recursive: true, force: true });
	}
}

// A process that is started again whenever it ends, until stop().
class Kept {
	constructor(name, start) {
		this.name = name;
		this.start = start;
		this.isWanted = true;
		this.n_starts = 0;
		this.run();
	}

	run() {
		this.n_starts++;
		this.process = this.start();
		this.process.once('exit', () => {
			if (this.isWanted)
				this.run();
		});
	}

	kill() {
		this.process.kill('SIGKILL');
	}

	async stop() {
		this.isWanted = false;
		if (this.process.exitCode !== null || this.process.signalCode)
			return;
		const ended = new Promise((resolve) =>
			this.process.once('exit', resolve));
		this.process.kill('SIGTERM');
		const late = setTimeout(() => {
			this.isLate = true;
			this.kill();
		}, STOP_WITHIN);
		await ended;
		clearTimeout(late);
		if (this.isLate)
			console.log(`# ${this.name} did not end by itself`);
	}
}

// A worker of BullMQ: `bullmq` names the package.
export function nodeWorker({ bullmq, queue, redis, sink, options = {} }) {
	const settings = { bullmq, queue, redis: redis.path, sink: sink.url,
		options };
	return new Kept(bullmq, () => spawn(process.execPath,
		[join(HERE, 'node_worker.mjs'), JSON.stringify(settings)],
		{ stdio: ['ignore', 'ignore', 'inherit'] }));
}

// hooksync-worker: the same work as a route.
export function ourWorker({ queue, redis, sink, concurrency = 20,
	settings = '', job = 'job' }) {
	const conf = join(redis.folder, `${queue}-${ourWorker.n++}.conf`);
	writeFileSync(conf, `
		redis = { url = "unix:${redis.path}"; connect_timeout = "2s"; };
		queue = { name = "${queue}"; ${settings.queue ?? ''} };
		worker = { concurrency = ${concurrency}; shutdown_grace = "5s"; ${settings.worker ?? ''} };
		services = { sink = { url = "${sink.url}"; timeout = "10s";
			concurrency = ${concurrency}; }; };
		routes = { ${job} = { map = ".data";
			push = { service = "sink"; method = "PUT"; path = "/log/{n}"; };
		}; };
		log = { level = "error"; };`);
	const program = join(process.env.top_builddir ?? '.', 'hooksync-worker');
	const worker = new Kept('ours', () => spawn(program, ['-c', conf],
		{ stdio: ['ignore', 'ignore', 'inherit'] }));
	worker.conf = conf;
	return worker;
}
ourWorker.n = 0;

// The command, with a worker's configuration.
export async function hooksync(conf, ...args) {
	const program = join(process.env.top_builddir ?? '.', 'hooksync');
	const { stdout } = await promisify(execFile)(program,
		['-c', conf, ...args]);
	return stdout;
}
