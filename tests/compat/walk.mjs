// walk: stories as data (steps.mjs) on two databases, by BullMQ on one and by us
// on the other, with as many queues as they need. One walk tells many stories,
// one after the other.

import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { Both, described, FlowProducer, LEVEL, Queue, START, Worker }
	from './both.mjs';
import { Keyspace } from './keyspace.mjs';
import { Peer, PREFIX } from './stage.mjs';
import { base, codeOf, LOCK, NO_JOB, OPS } from './steps.mjs';

export const QUEUES = ['hooks', 'parents'];

const VERSION = LEVEL === 5 ? 'bullmq:5.81.3' : 'bullmq:6.7.0';

// A queue on one side: BullMQ's classes, and on ours the peer.
class Place {
	static async of(side, q, options) {
		const place = new Place();
		place.side = side;
		place.q = q;
		place.redis = side.redis;
		place.jobs = {};
		place.queue = new Queue(q,
			{ ...options, skipMetasUpdate: side.isOurs });
		place.worker = new Worker(q, async () => {}, { ...options,
			autorun: false, name: 'w1', lockDuration: LOCK,
			stalledInterval: LOCK });
		place.worker.on('error', () => {});
		await place.worker.waitUntilReady();
		if (side.isOurs)
			place.peer = new Peer(side.server, q, side.db);
		else
			await described(side.redis, q);
		// the answer, whatever it is; or a good one
		const filled = (request) => ({ level: place.level,
			now: side.clock(), ...request });
		place.tell = (op, request) => place.peer.ask(op, filled(request));
		place.ask = (op, request) => place.peer.do(op, filled(request));
		return place;
	}

	async close() {
		await this.queue.close();
		await this.worker.close();
		if (this.peer)
			assert.equal(await this.peer.stop(), 0);
	}
}

// One database.
class Side {
	static async of(server, db, clock, isOurs) {
		const side = new Side();
		Object.assign(side, { server, db, clock, isOurs });
		side.redis = server.redis(db);
		const options = { connection: server.connection(db),
			prefix: PREFIX };
		side.all = [];
		for (const q of QUEUES)
			side.all.push(await Place.of(side, q, options));
		side.flow = new FlowProducer(options);
		return side;
	}

	at(q) {
		return this.all.find((place) => place.q === q) ?? this.all[0];
	}

	async begin() {
		await this.redis.flushdb();
		for (const place of this.all) {
			place.jobs = {};
			place.level = LEVEL;
			await this.redis.hset(`${base(place.q)}:meta`,
				'opts.maxLenEvents', 10000, 'version', VERSION);
		}
	}

	async close() {
		await this.flow.close();
		for (const place of this.all)
			await place.close();
	}
}

async function answer(fn) {
	try {
		return await fn();
	} catch (err) {
		return codeOf(err);
	}
}

export class Walk extends Both {
	static async set(server) {
		const walk = new Walk();
		walk.name = 'walk';
		walk.level = LEVEL;
		walk.clock = START;
		walk.realNow = Date.now;
		Date.now = () => walk.clock;
		const clock = () => walk.clock;
		walk.left = await Side.of(server, 1, clock, false);
		walk.right = await Side.of(server, 2, clock, true);
		walk.node = new Keyspace(walk.left.redis);
		walk.ours = new Keyspace(walk.right.redis);
		return walk;
	}

	async strike() {
		await this.left.close();
		await this.right.close();
		Date.now = this.realNow;
	}

	// Another story, from nothing.
	async begin() {
		this.clock = START;
		this.hasParted = false;
		this.standing = undefined;
		this.woken = undefined;
		this.telling = undefined;
		this.node.forget();
		this.ours.forget();
		await this.left.begin();
		await this.right.begin();
		await this.compare('the beginning');
	}

	// Tells one step (`telling` to those who explain a difference); false when
	// it makes no sense here.
	async play(step) {
		const op = OPS[step.op];
		const left = this.left.at(step.q);
		const right = this.right.at(step.q);
		this.telling = step;
		if (op.needs && !(await op.needs(left, step)))
			return false;
		if (step.later)
			this.clock += step.later;
		if (op.redis) {
			await op.redis(left.redis, step);
			await op.redis(right.redis, step);
		} else {
			const theirs = await answer(() => op.node(left, step));
			if (theirs === NO_JOB)
				return false;
			const mine = await answer(() =>
				(op.ours ?? op.node)(right, step, theirs));
			if (!isDeepStrictEqual(mine, theirs))
				await this.disagree(step, theirs, mine);
		}
		await this.compare(JSON.stringify(step));
		return true;
	}

	async disagree(step, theirs, mine) {
		const what = JSON.stringify(step);
		const keys = await this.compare(what)
			.then(() => '', (err) => `\n${err.message}`);
		const err = new Error(`after ${what}\nBullMQ answers ${
			JSON.stringify(theirs)}, ours ${JSON.stringify(mine)}${keys}`);
		err.keys = ['the answer'];
		throw err;
	}

	async tell(steps) {
		await this.begin();
		for (const step of steps) {
			await this.play(step);
			if (this.hasParted)
				break;
		}
	}
}
