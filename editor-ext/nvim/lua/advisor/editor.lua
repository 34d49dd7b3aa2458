--- What differs between the versions of Neovim.

local M = {}

M.uv = vim.uv or vim.loop

local METHODS = vim.fn.has('nvim-0.11') == 1 -- clients have methods; before, functions that know their client

--- Call a function of a language client: `call(client, 'request', method, params, handler, bufnr)`.
function M.call(client, name, ...)
  if METHODS then
    return client[name](client, ...)
  end
  return client[name](...)
end

--- Start a language client that is attached to no buffer. Returns its id, nil when it cannot be started.
function M.start(config)
  if METHODS then
    return vim.lsp.start(config, { attach = false, reuse_client = function() return false end })
  end
  return vim.lsp.start_client(config)
end

--- The running client with an id, nil when there is none or it has ended.
function M.client(id)
  local client = id and vim.lsp.get_client_by_id(id)
  if client and not M.call(client, 'is_stopped') then
    return client
  end
end

--- The code of a diagnostic; before 0.8 it is only among what the protocol said of it.
function M.code(diagnostic)
  local said = diagnostic.user_data and diagnostic.user_data.lsp or {}
  return diagnostic.code or said.code
end

--- Where Neovim keeps what outlives a session; a folder of its own exists for that since 0.8.
function M.state_folder()
  local ok, folder = pcall(vim.fn.stdpath, 'state')
  return ok and folder or vim.fn.stdpath('data')
end

--- A path without links, as it is where it cannot be resolved.
function M.real(path)
  return M.uv.fs_realpath(path) or path
end

--- Whether a path is a folder or lies in it. Both without a slash at the end.
function M.inside(path, folder)
  return path == folder or vim.startswith(path, folder == '/' and folder or folder .. '/')
end

--- The language server protocol's log of Neovim.
function M.log_file()
  return vim.lsp.log and vim.lsp.log.get_filename and vim.lsp.log.get_filename() or vim.lsp.get_log_path()
end

--- The health check's functions, by the names that they have since 0.9.
function M.health()
  local ok, health = pcall(function() return vim.health end)
  if not ok or not health then
    health = require('health')
  end
  if health.start then
    return health
  end
  return {
    start = health.report_start,
    ok = health.report_ok,
    info = health.report_info,
    warn = health.report_warn,
    error = health.report_error,
  }
end

return M
