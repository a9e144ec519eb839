// link: one client of the queue's peer (tests/lib/peer.h): requests out, answers
// in, in any order.

import { createConnection } from 'node:net';
import { createInterface } from 'node:readline';

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
		createInterface({ input: this.socket }).on('line', (line) => {
			const answer = JSON.parse(line);
			this.pending.get(answer.seq)?.resolve(answer);
			this.forget(answer.seq);
		});
		this.socket.unref();
	}

	// An idle link keeps no process alive.
	forget(seq) {
		this.pending.delete(seq);
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
