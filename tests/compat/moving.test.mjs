// moving: a Node team moves one endpoint to hooksync and back, as
// doc/moving-from-bullmq.md says, while webhooks keep coming. No step costs an
// answer or a delivery. Told with BullMQ 6 and with BullMQ 5.

import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { createServer, request } from 'node:http';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Queue, Worker } from './both.mjs';
import { quoted, Shell } from './shell.mjs';
import { until } from './stage.mjs';

const JOB = 'crm-identity-webhook';
const GAP_MS = 4; // between two webhooks
const PER_STEP = 150;
const KEPT_BY_NODE = 40; // removeOnComplete of its worker

describe('moving from Node to hooksync, and back', () => {
	let shell, stage, connection, controller, worker;
	let nodeQueue, target; // that its worker takes from, that it adds to
	const answered = new Map(); // identity id -> status
	const doneByNode = new Set();
	let lastByNode;

	// The team's own code: a controller that adds, a worker that syncs.
	function openQueue(name) {
		return new Queue(name, { connection, defaultJobOptions: {
			attempts: 3, backoff: { type: 'exponential', delay: 50 } } });
	}

	async function openController() {
		nodeQueue = target = openQueue('sync');
		controller = createServer((req, res) => {
			const parts = [];
			req.on('data', (part) => parts.push(part));
			req.on('end', async () => {
				const { identityId, action } = JSON.parse(
					Buffer.concat(parts));
				await target.add(JOB, { identityId, action },
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
			lastByNode = job;
		}, { connection, concurrency: 10,
			removeOnComplete: { count: KEPT_BY_NODE } });
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
				+ '"sync-identity"; }; };')} >"$stage/conf.d/own.conf"` :
			'rm "$stage/conf.d/own.conf"');
	}

	before(async () => {
		shell = new Shell();
		// the responder starts as installed: nothing is configured; then
		// comes all but the routes and their services
		for (const line of ['stage_mock', 'stage_conf', 'stage_redis',
			'sed -n "/^services /,/^};/p; /^routes /,/^};/p" "$conf" '
			+ '>"$stage/routes.conf"',
			'sed "/^services /,/^};/d; /^routes /,/^};/d" "$conf" '
			+ '>"$stage/endpoints.conf"',
			'sed "/^endpoints /,/^};/d" "$stage/endpoints.conf" >"$conf"',
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
		// anew, for an old nginx process still knows only the responder
		await shell.run('stage_stop nginx; stage_nginx_start && '
			+ 'wait_for 10 test -S "$web_sock"');
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
		await target?.close();
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

	it('only to look', async () => {
		await shell.run('mv "$stage/endpoints.conf" "$conf"');
		assert.match(await shell.run('hooksync check 2>&1'),
			/no route takes its job "crm-identity-webhook"/);
		assert.match(await shell.run('hooksync stats'), /^sync /m);
		assert.match(await shell.run('hooksync workers'), /^sync /m);
		assert.match(await shell.run('hooksync events -n 20 --since 1m'),
			/completed/);
		const { output, status } = await shell.ask('hooksync doctor');
		assert.ok(status <= 1, output); // Redis writes nothing to disk
		assert.match(output, /^0 errors/m);
		const elsewhere = await shell.ask(
			'hooksync -o queue.prefix=other doctor');
		assert.match(elsewhere.output, /there never was a job; if your/);
	});

	it('the responder learns of the endpoint', async () => {
		await shell.run(`echo ${quoted(JSON.stringify({ identityId: 'sample',
			action: 'updated' }))} >"$stage/sample.json"`);
		const send = 'hooksync send identity "$stage/sample.json" 2>&1';
		const early = await shell.ask(send);
		assert.equal(early.status, 1);
		assert.match(early.output, /^404 in /m);
		assert.match(early.output, /was hooksync-fcgi restarted/);
		await restart();
		assert.match(await shell.run(send), /^200 /);
		await until(() => doneByNode.has('sample'), 'Node to run it');
	});

	it('the door: nginx hands the endpoint to hooksync-fcgi', async () => {
		await route('hooksync');
		await traffic();
		await until(() => lastByNode.data.rawPayload, 'a job of ours');
		const { id, data, opts } = lastByNode;
		assert.match(id, /^identity-msg_/);
		assert.deepEqual(data, { identityId: data.identityId,
			action: 'updated', rawPayload: { identityId: data.identityId,
				action: 'updated' } });
		assert.deepEqual(opts.backoff, { type: 'exponential', delay: 2000 });
		assert.equal(opts.attempts, 3);
		// Node's worker keeps as many of our jobs as of its own
		const { completed } = await nodeQueue.getJobCounts('completed');
		assert.ok(completed <= KEPT_BY_NODE, `${completed} are kept`);
	});

	it('the door, back and forth', async () => {
		await route('node');
		await traffic();
		await route('hooksync');
		await traffic();
	});

	it('the work: a queue of its own, and our worker on it', async () => {
		await shell.run('{ cat "$stage/routes.conf" && echo '
			+ quoted('worker = { queues = [ "sync-identity" ]; };')
			+ '; } >"$stage/conf.d/routes.conf"');
		await ownQueue(true);
		assert.match(
			await shell.run(`hooksync try ${JOB} "$stage/sample.json"`),
			/"name":"Ada"/);
		assert.ok(!(await doneByUs()).has('sample'));
		await shell.run('hooksync check && stage_worker');
		await restart();
		await traffic();
		await until(async () => (await doneByUs()).size > 0,
			'something synced by our worker', 30000);
	});

	it('Node sees our worker by name', async () => {
		const own = new Queue('sync-identity', { connection });
		const [job] = await own.getCompleted(0, 0);
		const workers = await own.getWorkers();
		await own.close();
		assert.match(job.processedBy, /^hooksync-/);
		assert.equal(workers.length, 1);
		assert.ok(workers[0].rawname.endsWith(`:w:${job.processedBy}`),
			workers[0].rawname);
		assert.deepEqual(job.returnvalue.outcome, 'pushed');
	});

	it('the other way round: the controller adds to our queue', async () => {
		target = openQueue('sync-identity');
		await route('node');
		const before = answered.size;
		await traffic();
		await until(async () => [...await doneByUs()].some((id) =>
			Number(id.slice(1)) > before + 20), 'our worker to run them');
		await route('hooksync');
	});

	it('the work, back: new jobs go to Node again', async () => {
		await ownQueue(false);
		assert.match(await shell.run('hooksync check 2>&1'),
			/"sync" is not among worker.queues/);
		await restart();
		const before = doneByNode.size;
		await traffic();
		await until(() => doneByNode.size > before + 20,
			'Node works again', 30000);
	});

	it('the work, for good, and Node ends', async () => {
		await ownQueue(true);
		await restart();
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
