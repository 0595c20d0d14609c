module.exports = {
  projects: [
    { displayName: 'node', testEnvironment: 'node', testMatch: ['**/*.spec.cjs'] },
    {
      displayName: 'jsdom',
      testEnvironment: 'jsdom',
      testEnvironmentOptions: { customExportConditions: ['node', 'require'] },
      testMatch: ['**/*.spec.cjs'],
    },
    {
      displayName: 'always fake',
      testEnvironment: 'node',
      fakeTimers: { enableGlobally: true },
      testMatch: ['**/*.spec.cjs'],
    },
  ],
}
