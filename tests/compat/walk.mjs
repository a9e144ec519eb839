// walk: stories as data on two databases, by BullMQ on one and by us on the
// other, with as many queues as they need; the machine behind the random test.
// One walk tells many stories, one after the other.

import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { Both, described, FlowProducer, LEVEL, Queue, START, Worker }
	from './both.mjs';
import { Keyspace } from './keyspace.mjs';
import { Peer, PREFIX } from './stage.mjs';
import { base, codeOf, LOCK, NO_JOB, OPS } from './steps.mjs';

const VERSION = LEVEL === 5 ? 'bullmq:5.81.3' : 'bullmq:6.7.0';
export const QUEUES = ['hooks', 'parents'];

// BullMQ's classes, and our peer, for the queues of one database.
class Side {
	static async of(server, db, walk, withPeer) {
		const side = new Side();
		side.redis = server.redis(db);
		side.clock = () => walk.clock;
		side.places = {};
		const options = { connection: server.connection(db),
			prefix: PREFIX };
		for (const q of QUEUES) {
			const place = { jobs: {}, clock: side.clock };
			place.queue = new Queue(q,
				{ ...options, skipMetasUpdate: withPeer });
			place.worker = new Worker(q, async () => {}, { ...options,
				autorun: false, name: 'w1', lockDuration: LOCK,
				stalledInterval: LOCK });
			place.worker.on('error', () => {});
			await place.worker.waitUntilReady();
			if (withPeer) {
				place.peer = new Peer(server, q, db);
				const ask = place.peer.ask;
				place.peer.ask = (op, request) => ask.call(place.peer,
					op, { level: place.level, ...request });
			} else {
				await described(side.redis, q);
			}
			side.places[q] = place;
		}
		side.flow = new FlowProducer(options);
		return side;
	}

	at(q) {
		return this.places[q];
	}

	async close() {
		await this.flow.close();
		for (const { queue, worker, peer } of Object.values(this.places)) {
			await queue.close();
			await worker.close();
			if (peer)
				assert.equal(await peer.stop(), 0);
		}
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
		walk.left = await Side.of(server, 1, walk, false);
		walk.right = await Side.of(server, 2, walk, true);
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
		this.telling = undefined;
		this.node.forget();
		this.ours.forget();
		for (const side of [this.left, this.right]) {
			await side.redis.flushdb();
			for (const [q, place] of Object.entries(side.places)) {
				place.jobs = {};
				place.level = LEVEL;
				await side.redis.hset(`${base(q)}:meta`,
					'opts.maxLenEvents', 10000, 'version', VERSION);
			}
		}
		await this.compare('the beginning');
	}

	// Tells one step (`telling` to those who explain a difference); false when it makes no sense here.
	async play(step) {
		const op = OPS[step.op];
		this.telling = step;
		if (op.needs && !(await op.needs(this.left, step)))
			return false;
		if (step.later)
			this.clock += step.later;
		const what = JSON.stringify(step);
		if (op.redis) {
			await op.redis(this.left.redis, step);
			await op.redis(this.right.redis, step);
		} else {
			const theirs = await answer(() => op.node(this.left, step));
			if (theirs === NO_JOB)
				return false;
			const mine = await answer(() => (op.ours ?
				op.ours(this.right, step, theirs) : op.node(this.right, step)));
			if (!isDeepStrictEqual(mine, theirs)) {
				const err = new Error(`after ${what}\nBullMQ answers ` +
					`${JSON.stringify(theirs)}, ours ` +
					`${JSON.stringify(mine)}`);
				err.keys = ['the answer'];
				await this.compare(what).catch((more) => {
					err.message += `\n${more.message}`;
				});
				throw err;
			}
		}
		await this.compare(what);
		return true;
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
