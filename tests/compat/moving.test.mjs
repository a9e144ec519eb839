// moving: a Node team moves one endpoint to hooksync and back, as
// doc/moving-from-bullmq.md says, while webhooks keep coming. No step costs an
// answer or a delivery.

import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { createServer, request } from 'node:http';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Queue, Worker } from 'bullmq';
import { quoted, Shell } from './shell.mjs';
import { until } from './stage.mjs';

const JOB = 'crm-identity-webhook';
const GAP_MS = 4; // between two webhooks
const PER_STEP = 150;

describe('moving from Node to hooksync, and back', () => {
	let shell, stage, connection, controller, worker, nodeQueue;
	const answered = new Map(); // identity id -> status
	const doneByNode = new Set();

	// The team's own code: a controller that adds, a worker that syncs.
	async function openController() {
		nodeQueue = new Queue('sync', { connection, defaultJobOptions: {
			attempts: 3, backoff: { type: 'exponential', delay: 50 } } });
		controller = createServer((req, res) => {
			const parts = [];
			req.on('data', (part) => parts.push(part));
			req.on('end', async () => {
				const { identityId, action } = JSON.parse(
					Buffer.concat(parts));
				await nodeQueue.add(JOB, { identityId, action },
					{ jobId: req.headers['webhook-id'] });
				res.end('ok');
			});
		});
		await new Promise((resolve) =>
			controller.listen(0, '127.0.0.1', resolve));
	}

	function openWorker() {
		worker = new Worker('sync', async (job) => {
			doneByNode.add(job.data.identityId);
		}, { connection, concurrency: 10 });
		worker.on('error', () => {});
	}

	// ---- the sender ----

	let key, sock, timer;
	const under_way = new Set();

	function send() {
		const id = `i${answered.size}`;
		const body = JSON.stringify({ identityId: id, action: 'updated' });
		const stamp = Math.floor(Date.now() / 1000);
		const webhookId = `msg_${randomBytes(8).toString('hex')}`;
		const signature = createHmac('sha256', key)
			.update(`${webhookId}.${stamp}.${body}`).digest('base64');
		answered.set(id, 'nothing');
		under_way.add(id);
		const end = (status) => {
			answered.set(id, status);
			under_way.delete(id);
		};
		// a connection of its own: nginx closes kept ones when it reloads
		const req = request({ socketPath: sock, method: 'POST', agent: false,
			path: '/webhooks/identity', headers: {
				'Content-Type': 'application/json',
				'webhook-id': webhookId, 'webhook-timestamp': stamp,
				'webhook-signature': `v1,${signature}`,
			} }, (res) => {
			res.resume();
			res.on('end', () => end(res.statusCode));
		});
		req.on('error', (err) => end(err.message));
		req.end(body);
	}

	// Goes on until so many more webhooks were answered.
	async function traffic(n = PER_STEP) {
		const wanted = answered.size + n;
		await until(() => answered.size >= wanted, 'more webhooks', 60000);
	}

	// ---- the steps ----

	// Where nginx sends this endpoint's webhooks.
	async function route(to) {
		const own = to === 'node' ?
			`location = /webhooks/identity { proxy_pass http://127.0.0.1:${
				controller.address().port}; }` : '';
		await shell.run(`sed "/location = /d; s|^\\( *\\)location / {|${
			own}\\n&|" "$stage/nginx.conf" >"$stage/nginx.new" && mv \
			"$stage/nginx.new" "$stage/nginx.conf" && kill -HUP "$pid_nginx"`);
	}

	// Restarts the responder, as `systemctl restart hooksync-fcgi` does.
	async function restart() {
		const pid = () => readFileSync(`${stage}/responder.pid`, 'utf8');
		const before = pid();
		process.kill(Number(before), 'SIGTERM');
		await until(() => pid() && pid() !== before, 'a new responder');
	}

	async function ownQueue(is) {
		await shell.run(is ?
			`echo ${quoted('endpoints = { identity = { queue = '
				+ '"sync-identity"; }; }; worker = { queues = [ '
				+ '"sync-identity" ]; };')} >"$stage/conf.d/own.conf"` :
			'rm "$stage/conf.d/own.conf"');
		await restart();
	}

	before(async () => {
		shell = new Shell();
		for (const line of ['stage_mock', 'stage_conf', 'stage_redis',
			'sed -i "/^responder /d" "$conf"',
			'stage_spawn responder perl '
			+ '"$top_srcdir/tests/lib/socket_unit.pl" "$fcgi_sock" '
			+ '"$stage/responder.pid" "$top_builddir/hooksync-fcgi" '
			+ '--config "$conf"',
			'wait_for 10 test -s "$stage/responder.pid"', 'stage_nginx'])
			await shell.run(line);
		await shell.run(`mock_script ${quoted({ path: '/crm/identities/*',
			method: 'GET', answers: [{ status: 200, times: 0,
				body: '{"fullName":"Ada","email":"a@example.com"}' }] })}`);
		stage = await shell.run('echo "$stage"');
		sock = await shell.run('echo "$web_sock"');
		connection = { path: await shell.run('echo "$redis_sock"'),
			maxRetriesPerRequest: null };
		key = Buffer.from((await shell.run('echo "$webhook_secret"'))
			.replace('whsec_', ''), 'base64');
		await openController();
		openWorker();
		await route('node');
		await until(async () => {
			send();
			await until(() => under_way.size === 0, 'an answer');
			return doneByNode.size > 0;
		}, 'the first delivery by Node');
		timer = setInterval(send, GAP_MS);
	});
	after(async () => {
		clearInterval(timer);
		await worker?.close();
		controller?.close();
		controller?.closeAllConnections();
		await nodeQueue?.close();
		await shell?.end();
	});

	// What our worker has pushed.
	async function doneByUs() {
		const objects = JSON.parse(await shell.run(
			'curl --silent "$mock_url/_mock/objects"'));
		return new Set(Object.keys(objects)
			.filter((path) => path.startsWith('/erp/customers/'))
			.map((path) => path.split('/').at(-1)));
	}

	it('Node alone', () => traffic());

	it('the door: nginx hands the endpoint to hooksync-fcgi', async () => {
		await route('hooksync');
		await traffic();
		await until(async () => (await shell.run('hooksync stats --json'))
			.includes('"sync"'), 'the queue');
	});

	it('the door, back and forth', async () => {
		await route('node');
		await traffic();
		await route('hooksync');
		await traffic();
	});

	it('the work: a queue of its own, and our worker on it', async () => {
		await ownQueue(true);
		await shell.run('stage_worker');
		await traffic();
		await until(async () => (await doneByUs()).size > 0,
			'something synced by our worker', 30000);
	});

	it('the work, back: new jobs go to Node again', async () => {
		await ownQueue(false);
		const before = doneByNode.size;
		await traffic();
		await until(() => doneByNode.size > before + 20,
			'Node works again', 30000);
	});

	it('the work, for good, and Node ends', async () => {
		await ownQueue(true);
		await traffic();
		clearInterval(timer);
		await until(() => under_way.size === 0, 'the last answers');
		await until(async () => {
			const counts = await nodeQueue.getJobCounts('waiting',
				'active', 'delayed');
			return Object.values(counts).every((n) => n === 0);
		}, "Node's queue to be empty");
		await worker.close();
	});

	it('no answer but 200, every delivery synced', async () => {
		for (const [id, status] of answered)
			assert.equal(status, 200, id);
		await until(async () => {
			const own = new Queue('sync-identity', { connection });
			const counts = await own.getJobCounts('waiting', 'active',
				'delayed', 'failed');
			await own.close();
			return Object.values(counts).every((n) => n === 0);
		}, 'our queue to be empty', 60000);
		const ours = await doneByUs();
		const missing = [...answered.keys()].filter((id) =>
			!ours.has(id) && !doneByNode.has(id));
		assert.deepEqual(missing, []);
		assert.ok(ours.size > PER_STEP / 2 && doneByNode.size > PER_STEP);
	});
});
