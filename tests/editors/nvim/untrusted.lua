-- What is started for a project that nobody decided about: the server, the health check, the doctor.
local P = dofile(os.getenv('ADVISOR_PERSON'))
local foreign = require('advisor.foreign')
local server, status = require('advisor.server'), require('advisor.status')

vim.g.loaded_python3_provider = 0 -- Neovim's own, which looks at each Python on the PATH for Python files

P.run(function()
  P.open(os.getenv('ADVISOR_FILE'))
  local root = vim.fn.expand('%:p:h')
  P.wait('the server', function() return server.client(0) end)
  P.wait('what the source says', function() return (status.of(0) or {}).state == 'static' end)
  vim.cmd('checkhealth advisor')
  P.note('health', table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n'))
  vim.cmd('enew')
  vim.cmd('AdvisorDoctor') -- there is no server for this buffer
  P.note('doctor', P.wait('what the program prints', function() return P.scratch('doctor') end).text)
  P.note('foreign', {
    ['link out'] = foreign.is(root .. '/.venv/out/env', root),
    ['link in'] = foreign.is(vim.fn.fnamemodify(root, ':h') .. '/in/bin/advisor', root),
    beside = foreign.is(root .. '-2/bin/advisor', root),
    dots = foreign.is(vim.fn.fnamemodify(root, ':h') .. '/mine/../project/advisor', root),
    relative = foreign.is('.venv', root),
  })
end)
