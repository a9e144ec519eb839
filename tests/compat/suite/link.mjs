// link: one client of the queue's peer (tests/lib/peer.h): requests out, answers
// in, in any order.

import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';

const turn = setImmediate; // before a test stops the clock

// What a closed connection says to BullMQ's classes, which know it by its text.
export function closed() {
	return new Error('Connection is closed.');
}

export class Link {
	constructor(path) {
		this.n = 0;
		this.pending = new Map();
		this.socket = createConnection(path);
		this.socket.on('error', () => {});
		this.socket.on('close', () => this.fail());
		// each in a turn of its own, as from connections of their own: what
		// waits for one goes on before the next comes
		createInterface({ input: this.socket }).on('line',
			(line) => turn(() => this.deliver(JSON.parse(line))));
		this.socket.unref();
	}

	// An idle link keeps no process alive.
	deliver(answer) {
		this.pending.get(answer.seq)?.resolve(answer);
		this.pending.delete(answer.seq);
		if (this.pending.size === 0)
			this.socket.unref();
	}

	fail() {
		this.isClosed = true;
		for (const { reject } of this.pending.values())
			reject(closed());
		this.pending.clear();
	}

	ask(request) {
		if (this.isClosed)
			return Promise.reject(closed());
		const seq = ++this.n;
		this.socket.ref();
		return new Promise((resolve, reject) => {
			this.pending.set(seq, { resolve, reject });
			this.socket.write(`${JSON.stringify({ ...request, seq })}\n`);
		});
	}

	close() {
		this.socket.destroy();
		this.fail();
	}
}
