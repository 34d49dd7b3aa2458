--- Which buffers a server is told of: Python files that import torch, and once it runs all Python files of its root.

local python = require('advisor.python')
local server = require('advisor.server')
local status = require('advisor.status')

local M = {}

--- Attach a buffer if it is one of those.
function M.look(bufnr)
  if python.is_file(bufnr) and (server.wanted(bufnr) or python.imports_torch(bufnr)) then
    server.attach(bufnr)
  end
end

--- Look at buffers from now on, and at those that are open.
function M.watch()
  local group = vim.api.nvim_create_augroup('advisor', { clear = true })
  local function on(events, callback, pattern)
    vim.api.nvim_create_autocmd(events, { group = group, pattern = pattern, callback = callback })
  end
  on('FileType', function(event) M.look(event.buf) end, 'python')
  on({ 'BufWritePost', 'InsertLeave' }, function(event) M.look(event.buf) end)
  on({ 'BufUnload' }, function(event) status.forget(event.buf) end)
  on('ColorScheme', status.highlights)
  on('VimLeavePre', server.leave)
  for _, bufnr in ipairs(vim.api.nvim_list_bufs()) do
    M.look(bufnr)
  end
end

return M
