// BullMQ's test files import its sources; they get the published build instead.

import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

const build = resolve('node_modules/bullmq/dist/esm');

export default defineConfig({
	resolve: {
		alias: [
			{ find: /^(\.\.\/)+src$/, replacement: `${build}/index.js` },
			{ find: /^(\.\.\/)+src\/(.*)$/, replacement: `${build}/$2` },
		],
	},
	test: {
		include: ['tests/**/*.test.ts'],
		setupFiles: ['./setup.mjs'],
		server: { deps: { inline: [/bullmq/] } },
		testTimeout: 10000,
		hookTimeout: 10000,
		fileParallelism: false,
		maxWorkers: 1,
		reporters: ['json'],
		outputFile: process.env.SUITE_RESULT,
	},
});
